# Requests that end before the check, or in spite of a verdict: what they show uses no cache, as with a refusal
# (t/refusal_cache.t).
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    proxy_cache_path cache keys_zone=c:1m;
    proxy_cache_key $scheme$host$request_uri;
    proxy_cache_valid any 1m;
    token_profile p { format scalesimple; key file=key; }
    add_header X-Cache $upstream_cache_status always;
    geoip_db $TEST_NGINX_DATA/geo.mmdb;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;
_EOC_

our $Key = ">>> ../conf/key\nkey-one\n";
# A token for /v.
our $Paid = 'X-SS-Token: 89ebef16f7b05ed3aff1d6e7c8d7dd39' . "\n" . 'X-SS-Expiration: 4000000000';
our $RU = 'X-Real-IP: 203.0.113.1';
our $A = 'proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A;';
our $B = 'proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_B;';

run_tests();

__DATA__

=== TEST 1: an unknown profile from a variable: its 500's page is not the payers' entry
--- http_upstream: a, b
--- http_config eval: $::Http . 'map $http_x_plan $plan { gold p; }'
--- user_files eval: $::Key
--- config eval
"proxy_cache c;
error_page 500 502 503 504 = \@g;
location / { token_auth \$plan; $::A }
location \@g { $::B }"
--- request eval
["GET /v", "GET /v"]
--- more_headers eval
["$::Paid\nX-Plan: gold", ""]
--- error_code eval
[200, 200]
--- response_headers eval
["X-Cache: MISS\nX-Backend: a", "X-Cache: BYPASS\nX-Backend: b"]

=== TEST 2: nor does that page come to lie under their key
--- http_upstream: a, b
--- http_config eval: $::Http . 'map $http_x_plan $plan { gold p; }'
--- user_files eval: $::Key
--- config eval
"proxy_cache c;
error_page 500 502 503 504 =200 \@g;
location / { token_auth \$plan; $::A }
location \@g { $::B }"
--- request eval
["GET /v", "GET /v"]
--- more_headers eval
["", "$::Paid\nX-Plan: gold"]
--- response_headers eval
["X-Backend: b", "X-Cache: MISS\nX-Backend: a"]

=== TEST 3: 400, before nginx has looked for a location
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config eval
"proxy_cache c;
error_page 400 494 /err.html;
location / { token_auth p; $::A }
location = /err.html { $::B }"
--- request eval
["GET /v", "GET /v"]
--- more_headers eval
[$::Paid, "Host: localhost\nContent-Length: abc"]
--- error_code eval
[200, 400]
--- response_headers eval
["X-Cache: MISS\nX-Backend: a", "X-Cache: BYPASS\nX-Backend: b"]

=== TEST 4: nor does the page of such a 400 come to lie under the payers' key
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config eval
"proxy_cache c;
error_page 400 /err.html;
location / { token_auth p; $::A }
location = /err.html { $::B }"
--- request eval
["GET /v", "GET /v"]
--- more_headers eval
["Host: localhost\nContent-Length: abc", $::Paid]
--- error_code eval
[400, 200]
--- response_headers eval
["X-Backend: b", "X-Cache: MISS\nX-Backend: a"]

=== TEST 5: 400 around a country's rule
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config eval
"proxy_cache c;
error_page 400 /err.html;
location / { geoip_deny country=RU; $::A }
location = /err.html { $::B }"
--- request eval
["GET /v", "GET /v"]
--- more_headers eval
["", "Host: localhost\nContent-Length: abc\n$::RU"]
--- error_code eval
[200, 400]
--- response_headers eval
["X-Backend: a", "X-Cache: BYPASS\nX-Backend: b"]

=== TEST 6: a header too large
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config eval
"proxy_cache c;
error_page 497 400 413 414 431 494 500 = \@g;
location / { token_auth p; geoip_deny country=RU; $::A }
location \@g { $::B }"
--- request eval
["GET /v", "GET /v"]
--- more_headers eval
[$::Paid, "X-Large: ".("y" x 40000)]
--- response_headers eval
["X-Cache: MISS\nX-Backend: a", "X-Cache: BYPASS\nX-Backend: b"]

=== TEST 7: a body too large
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config eval
"proxy_cache c;
error_page 413 /err.html;
location / { token_auth p; client_max_body_size 10; $::A }
location = /err.html { client_max_body_size 1m; $::B }"
--- request eval
["GET /v", "POST /v\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]
--- more_headers eval
[$::Paid, ""]
--- error_code eval
[200, 413]
--- response_headers eval
["X-Cache: MISS\nX-Backend: a", "X-Cache: BYPASS\nX-Backend: b"]

=== TEST 8: a `return` before the check
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config eval
"proxy_cache c;
error_page 405 /err.html;
location / { token_auth p; if (\$request_method = POST) { return 405; } $::A }
location = /err.html { $::B }"
--- request eval
["GET /v", "POST /v\nxxxx"]
--- more_headers eval
[$::Paid, ""]
--- error_code eval
[200,405]
--- response_headers eval
["X-Cache: MISS\nX-Backend: a", "X-Cache: BYPASS\nX-Backend: b"]

=== TEST 9: `limit_req` before the check
--- http_upstream: a, b
--- http_config eval: $::Http . 'limit_req_zone $http_x_plan zone=l:1m rate=1r/m;'
--- user_files eval: $::Key
--- config eval
"proxy_cache c;
error_page 503 \@g;
location / { token_auth p; limit_req zone=l; $::A }
location \@g { $::B }"
--- request eval
["GET /v", "GET /v", "GET /v"]
--- more_headers eval
["$::Paid", "X-Plan: x", "X-Plan: x"]
--- error_code eval
[200, 403, 503]
--- response_headers eval
["X-Cache: MISS\nX-Backend: a", "", "X-Cache: BYPASS\nX-Backend: b"]

=== TEST 10: parts of a page (SSI) for a body too large
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Key . ">>> err.html\n<!--#include virtual=\"/inc\" -->\n"
--- config eval
"proxy_cache c;
error_page 413 /err.html;
location / { token_auth p; client_max_body_size 10; $::A }
location = /err.html { ssi on; root html; }
location = /inc { $::B }"
--- request eval
["GET /v", "POST /v\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]
--- more_headers eval
[$::Paid, ""]
--- error_code eval
[200, 413]
--- response_body_like eval
["name=a", "name=b"]

=== TEST 11: a country's refusal by hand, at a page where a token lets the request pass
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config eval
"proxy_cache c; token_auth p;
error_page 451 = \@g;
location / { geoip_deny country=RU; geoip_dry_run on; if (\$geoip_verdict = denied) { return 451; } $::A }
location \@g { $::B }"
--- request eval
["GET /v", "GET /v"]
--- more_headers eval
[$::Paid, "$::Paid\n$::RU"]
--- response_headers eval
["X-Cache: MISS\nX-Backend: a", "X-Cache: BYPASS\nX-Backend: b"]

=== TEST 12: a token's refusal by hand, at a page with a dry run
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config eval
"proxy_cache c;
error_page 403 = \@g;
location / { token_auth p; if (\$token_auth_status != ok) { return 403; } $::A }
location \@g { token_auth p; token_auth_dry_run on; $::B }"
--- request eval
["GET /v", "GET /v"]
--- more_headers eval
[$::Paid, ""]
--- response_headers eval
["X-Cache: MISS\nX-Backend: a", "X-Cache: BYPASS\nX-Backend: b"]

=== TEST 13: a refusal by hand inside `auth_request`
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config eval
"proxy_cache c;
error_page 403 /err.html;
location / { auth_request /au; token_auth p; token_auth_dry_run on; $::A }
location = /au { internal; if (\$token_auth_status != ok) { return 403; } return 204; }
location = /err.html { $::B }"
--- request eval
["GET /v", "GET /v"]
--- more_headers eval
[$::Paid, ""]
--- error_code eval
[200, 403]
--- response_headers eval
["X-Backend: a", "X-Cache: BYPASS\nX-Backend: b"]

=== TEST 14: a refusal by hand in a named location
--- http_upstream: a, b
--- http_config eval: $::Http . 'map $token_auth_status $no { ok 0; default 1; }'
--- user_files eval: $::Key
--- config eval
"proxy_cache c;
location / { token_auth p; token_auth_dry_run on; try_files /nope \@d; }
location \@d { if (\$no) { return 418; } error_page 418 = \@g; $::A }
location \@g { $::B }"
--- request eval
["GET /v", "GET /v"]
--- more_headers eval
[$::Paid, ""]
--- response_headers eval
["X-Backend: a", "X-Cache: BYPASS\nX-Backend: b"]

=== TEST 15: where the page's backend sends the request, `satisfy any` lets it pass: no protected body
--- http_upstream: b
--- http_config eval: $::Http . 'server { listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1; location = /acc { add_header X-Accel-Redirect /any; return 200; } location / { return 200 PROT; } }'
--- user_files eval: $::Key
--- config eval
'proxy_cache c; proxy_cache_key $host$request_uri;
error_page 403 = @g;
location / { token_auth p; proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
location @g { proxy_cache off; rewrite ^ /acc break; proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
location /any { satisfy any; allow all; token_auth p; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_B; }
'
--- request eval
["GET /v", "GET /v"]
--- more_headers eval
[$::Paid, ""]
--- response_body_like eval
["PROT", "name=b"]

=== TEST 16: nor does what it shows there come to lie under the payers' key
--- http_upstream: a, b
--- http_config eval: $::Http . 'server { listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1; location / { add_header X-Accel-Redirect /any; return 200 x; } }'
--- user_files eval: $::Key
--- config eval
"proxy_cache c;
error_page 403 = \@g;
location / { token_auth p; $::A }
location \@g { proxy_cache off; proxy_pass http://127.0.0.1:\$TEST_NGINX_RAND_PORT_1; }
location /any { satisfy any; allow all; token_auth p; $::B }"
--- request eval
["GET /v", "GET /v"]
--- more_headers eval
["", $::Paid]
--- response_body_like eval
["name=b", "name=a"]

=== TEST 17: `proxy_store` keeps no refusal's page either
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config eval
"error_page 403 = \@g;
location / { token_auth p; root store; try_files \$uri \@a; }
location \@a { root store; proxy_store on; $::A }
location \@g { root store; proxy_store on; $::B }"
--- request eval
["GET /v", "GET /v"]
--- more_headers eval
["", $::Paid]
--- response_body_like eval
["name=b", "name=a"]

=== TEST 18: refused by nginx in a location that a rewrite has found: the page is not for those who pay
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config eval
"proxy_cache c;
error_page 413 = \@g;
location /free { rewrite ^ /v last; }
location /v { token_auth p; client_max_body_size 1; proxy_cache_key k; $::A }
location \@g { proxy_cache_key k; $::B }"
--- request eval
["GET /v", "GET /free\nbody", "GET /v"]
--- more_headers eval
[$::Paid, "", $::Paid]
--- response_body_like eval
["name=a", "name=b", "name=a"]
