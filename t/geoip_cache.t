# Caches where country rules are the only checks: a request that no rule has to do with is not kept track of until one has.
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    proxy_cache_path cache keys_zone=c:1m;
    proxy_cache_key $scheme$host$uri;
    proxy_cache_valid any 1m;
    add_header X-Cache $upstream_cache_status always;
    geoip_db $TEST_NGINX_DATA/geo.mmdb;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;
_EOC_

our $RU = 'X-Real-IP: 203.0.113.1';
our $A = 'proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A;';
our $B = 'proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_B;';

run_tests();

__DATA__

=== TEST 1: where nothing is checked, an error's page uses the cache as always
--- http_upstream: a
--- http_config eval: $::Http
--- config eval
"proxy_cache c;
error_page 404 = \@page;
error_page 405 = /page;
location /checked { geoip_deny country=RU; return 404; }
location /none { return 404; }
location /other { return 405; }
location /page { $::A }
location \@page { $::A }"
--- request eval
["GET /none", "GET /none", "GET /other", "GET /other", "GET /checked"]
--- response_headers eval
["X-Cache: MISS", "X-Cache: HIT", "X-Cache: MISS", "X-Cache: HIT", "X-Cache: BYPASS"]

=== TEST 2: from there into a place with a rule: those who are let in use the cache, those who are refused do not
--- http_upstream: a, b
--- http_config eval: $::Http
--- config eval
"proxy_cache c;
recursive_error_pages on;
error_page 403 /err.html;
error_page 404 = /in;
error_page 405 = \@in;
location /none { return 404; }
location /other { return 405; }
location /in { geoip_deny country=RU; $::A }
location \@in { geoip_deny country=RU; $::A }
location = /err.html { $::B }"
--- request eval
["GET /none", "GET /none", "GET /none", "GET /other", "GET /other", "GET /other"]
--- more_headers eval
["", "", $::RU, "", "", $::RU]
--- error_code eval
[200, 200, 403, 200, 200, 403]
--- response_headers eval
["X-Cache: MISS", "X-Cache: HIT", "X-Cache: BYPASS\nX-Backend: b",
 "X-Cache: MISS", "X-Cache: HIT", "X-Cache: BYPASS\nX-Backend: b"]

=== TEST 3: 400, before nginx has looked for a location: a page in a location, and in a named one
--- http_upstream: a
--- http_config eval: $::Http
--- config eval
"proxy_cache c;
error_page 400 /err.html;
error_page 494 \@err;
large_client_header_buffers 2 1k;
location /checked { geoip_deny country=RU; $::A }
location = /err.html { $::A }
location \@err { $::A }"
--- request eval
["GET /v", "GET /v"]
--- more_headers eval
["Host: localhost\nContent-Length: abc", "X-Long: " . "x" x 2000]
--- error_code eval
[400, 400]
--- response_headers eval
["X-Cache: BYPASS", "X-Cache: BYPASS"]

=== TEST 4: a `return` of the server, before it has looked for a location
--- http_upstream: a
--- http_config eval: $::Http
--- config eval
"proxy_cache c;
error_page 404 405 /err.html;
if (\$request_method = POST) { return 405; }
location /checked { geoip_deny country=RU; $::A }
location /none { return 404; }
location = /err.html { $::A }"
--- request eval
["POST /v\nxxxx", "GET /none"]
--- error_code eval
[405, 404]
--- response_headers eval
["X-Cache: BYPASS", "X-Cache: MISS"]
