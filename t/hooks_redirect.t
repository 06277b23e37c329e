# requires: hooks
#
# Under `satisfy any` our refusal waits for the other access handlers. One that sends the request elsewhere instead of
# deciding makes no page of a refusal: where it sends the request is a place like any other.
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    token_profile p { format scalesimple; key text=k; }
    geoip_db $TEST_NGINX_DATA/geo.mmdb;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;
_EOC_

run_tests();

__DATA__

=== TEST 1: another module's redirect after a deferred refusal: the token is asked for again
--- http_config eval: $::Http
--- config
location /a { satisfy any; token_auth p; test_access_redirect /secret; }
location /b { satisfy any; token_auth p; token_auth_status default=410; test_access_redirect /secret; }
location = /secret { token_auth p; empty_gif; }
--- request eval
["GET /a", "GET /b"]
--- error_code eval
[403, 403]

=== TEST 2: likewise the country's rule
--- http_config eval: $::Http
--- config
location /a { satisfy any; geoip_deny country=RU; test_access_redirect /secret; }
location = /secret { geoip_deny country=RU; empty_gif; }
--- request
GET /a
--- more_headers
X-Real-IP: 203.0.113.1
--- error_code: 403

=== TEST 3: a refusal that stood has its page, under `satisfy any` too
--- http_config eval: $::Http
--- user_files
>>> denied.html
the page
--- config
error_page 403 /denied.html;
token_auth p;
location /a { satisfy any; deny all; }
location /b { satisfy all; }
--- request eval
["GET /a", "GET /b"]
--- error_code eval
[403, 403]
--- response_body_like eval
[qr/^the page$/, qr/^the page$/]
