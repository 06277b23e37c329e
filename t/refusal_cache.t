# The page of a refusal and nginx's caches: nothing is looked up or stored under the key of the refused request.
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

=== TEST 1: a proxied page: no protected body after a paying viewer
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config eval
"proxy_cache c;
error_page 403 /denied.html;
location / { token_auth p; $::A }
location = /denied.html { $::B }"
--- request eval
["GET /v", "GET /v", "GET /v", "GET /v"]
--- more_headers eval
[$::Paid, "", "", $::Paid]
--- error_code eval
[200, 403, 403, 200]
--- response_headers eval
["X-Cache: MISS\nX-Backend: a", "X-Cache: BYPASS\nX-Backend: b", "X-Cache: BYPASS\nX-Backend: b", "X-Cache: HIT\nX-Backend: a"]

=== TEST 2: a named location: not even as 200
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config eval
"proxy_cache c;
error_page 403 = \@g;
recursive_error_pages on;
location / { token_auth p; $::A }
location \@g { $::B }"
--- request eval
["GET /v", "GET /v", "GET /v"]
--- more_headers eval
[$::Paid, "", $::Paid]
--- response_headers eval
["X-Cache: MISS\nX-Backend: a", "X-Cache: BYPASS\nX-Backend: b", "X-Cache: HIT\nX-Backend: a"]

=== TEST 3: in reverse: a refused request leaves nothing for those who pay
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config eval
"proxy_cache c;
error_page 403 = \@g;
location / { token_auth p; $::A }
location \@g { $::B }"
--- request eval
["GET /v", "GET /v", "GET /v"]
--- more_headers eval
["", $::Paid, $::Paid]
--- response_headers eval
["X-Cache: BYPASS\nX-Backend: b", "X-Cache: MISS\nX-Backend: a", "X-Cache: HIT\nX-Backend: a"]

=== TEST 4: a country's refusal likewise
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config eval
"proxy_cache c;
geoip_deny country=RU;
geoip_status 451;
error_page 451 = \@g;
location / { $::A }
location \@g { $::B }"
--- request eval
["GET /v", "GET /v", "GET /w", "GET /w", "GET /w"]
--- more_headers eval
["", $::RU, $::RU, "", ""]
--- response_headers eval
["X-Cache: MISS\nX-Backend: a", "X-Cache: BYPASS\nX-Backend: b", "X-Cache: BYPASS\nX-Backend: b", "X-Cache: MISS\nX-Backend: a", "X-Cache: HIT\nX-Backend: a"]

=== TEST 5: where the page's backend sends the request (X-Accel-Redirect)
--- http_upstream: a, b
--- http_config eval
$::Http . 'server { listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1; location / { add_header X-Accel-Redirect /login; return 200; } }'
--- user_files eval: $::Key
--- config eval
"proxy_cache c;
error_page 403 = \@g;
location / { token_auth p; $::A }
location = /login { $::B }
location \@g { proxy_pass http://127.0.0.1:\$TEST_NGINX_RAND_PORT_1; }"
--- request eval
["GET /v", "GET /v", "GET /v", "GET /v"]
--- more_headers eval
["", $::Paid, "", $::Paid]
--- response_headers eval
["X-Backend: b", "X-Cache: MISS\nX-Backend: a", "X-Backend: b", "X-Cache: HIT\nX-Backend: a"]

=== TEST 6: a refusal by hand: `return` guarded by the variable
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config eval
"proxy_cache c;
error_page 403 = \@g;
error_page 451 = \@g;
location /v { token_auth p; if (\$token_auth_status != ok) { return 403; } $::A }
location /w { geoip_deny country=RU; if (\$geoip_verdict = denied) { return 451; } $::A }
location \@g { $::B }"
--- request eval
["GET /v", "GET /v", "GET /v", "GET /w", "GET /w", "GET /w"]
--- more_headers eval
["", $::Paid, "", $::RU, "", $::RU]
--- response_headers eval
["X-Cache: BYPASS\nX-Backend: b", "X-Cache: MISS\nX-Backend: a", "X-Cache: BYPASS\nX-Backend: b",
 "X-Cache: BYPASS\nX-Backend: b", "X-Cache: MISS\nX-Backend: a", "X-Cache: BYPASS\nX-Backend: b"]

=== TEST 7: each of nginx's four caches is guarded, the others do as they are told
--- http_config eval
$::Http . '
fastcgi_cache_path fcache keys_zone=f:1m;
uwsgi_cache_path ucache keys_zone=u:1m;
scgi_cache_path scache keys_zone=s:1m;
fastcgi_cache_key $host$request_uri;
uwsgi_cache_key $host$request_uri;
scgi_cache_key $host$request_uri;'
--- user_files eval: $::Key
--- config
token_auth p;
location /f { error_page 403 @f; }
location /u { error_page 403 @u; }
location /s { error_page 403 @s; }
location /p { error_page 403 @p; }
location @f { fastcgi_cache f; fastcgi_pass 127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
location @u { uwsgi_cache u; uwsgi_pass 127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
location @s { scgi_cache s; scgi_pass 127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
location @p { proxy_cache c; proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
location /open/f { token_auth off; fastcgi_cache f; fastcgi_pass 127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
location /open/u { token_auth off; uwsgi_cache u; uwsgi_pass 127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
location /open/s { token_auth off; scgi_cache s; scgi_pass 127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
--- request eval
["GET /f", "GET /u", "GET /s", "GET /p", "GET /open/f", "GET /open/u", "GET /open/s"]
--- error_code eval
[502, 502, 502, 502, 502, 502, 502]
--- response_headers eval
["X-Cache: BYPASS", "X-Cache: BYPASS", "X-Cache: BYPASS", "X-Cache: BYPASS", "X-Cache: MISS", "X-Cache: MISS", "X-Cache: MISS"]

=== TEST 8: the location's own conditions still count, in nested levels too
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config eval
"proxy_cache c;
proxy_cache_bypass \$arg_fresh;
location / {
    $::A
    location /deep/ { proxy_no_cache \$arg_never; $::A }
    location /deep/er/ { if (\$arg_x) { set \$y 1; } proxy_cache_bypass \$arg_other; $::A }
}"
--- request eval
["GET /1", "GET /1", "GET /1?fresh=1", "GET /deep/1?never=1", "GET /deep/1?never=1", "GET /deep/1?fresh=1", "GET /deep/1?fresh=1", "GET /deep/er/?x=1&other=1", "GET /deep/er/?x=1", "GET /deep/er/?x=1"]
--- response_headers eval
["X-Cache: MISS", "X-Cache: HIT", "X-Cache: BYPASS", "X-Cache: MISS", "X-Cache: MISS", "X-Cache: BYPASS", "X-Cache: BYPASS", "X-Cache: BYPASS", "X-Cache: MISS", "X-Cache: HIT"]

=== TEST 9: a refusal that `satisfy any` overrules, and a dry run, use the cache as always
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval
$::Key . ">>> page/index.html\nx\n"
--- config eval
"proxy_cache c;
location / { token_auth p; satisfy any; allow 127.0.0.1; deny all; $::A }
location /dry { token_auth p; token_auth_dry_run on; if (\$token_auth_status = missing) { set \$seen 1; } $::A }
location /page/ { token_auth p; token_auth_dry_run on; if (\$token_auth_status = missing) { set \$seen 1; } }
location = /page/index.html { token_auth p; token_auth_dry_run on; $::A }"
--- request eval
["GET /v", "GET /v", "GET /dry", "GET /dry", "GET /page/", "GET /page/"]
--- response_headers eval
["X-Cache: MISS", "X-Cache: HIT", "X-Cache: MISS", "X-Cache: HIT", "X-Cache: MISS", "X-Cache: HIT"]

=== TEST 10: the variables that guard the caches are nobody else's
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config
set $gatehouse_no_cache "";
--- must_die
--- error_log
[emerg]
the duplicate "gatehouse_no_cache" variable

=== TEST 11: parts of the page (SSI) use no cache either
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval
$::Key . ">>> denied.html\n[<!--#include virtual=\"/part\" -->]\n"
--- config eval
"proxy_cache c;
error_page 403 /denied.html;
location / { token_auth p; $::A }
location = /denied.html { ssi on; }
location = /part { $::B }"
--- request eval
["GET /v", "GET /v", "GET /v"]
--- more_headers eval
[$::Paid, "", $::Paid]
--- error_code eval
[200, 403, 200]
--- response_body_like eval
[qr/name=a/, qr/^\[name=b/, qr/name=a/]

=== TEST 12: reading the verdict of a dry run turns nobody down: the error page uses the cache as always
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config eval
'proxy_cache c;
error_page 502 = @page;
location / {
    token_auth p; token_auth_dry_run on;
    proxy_set_header X-Status $token_auth_status;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
location @page { proxy_cache_key page; ' . "$::A }"
--- request eval
["GET /v", "GET /v"]
--- response_headers eval
["X-Cache: MISS", "X-Cache: HIT"]
--- error_log
dry run, token refused: missing

=== TEST 13: where nothing is checked, an error's page uses the cache as always
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config eval
"proxy_cache c;
error_page 404 = \@page;
location /checked { token_auth p; return 404; }
location /none { return 404; }
location /off { token_auth off; return 404; }
location \@page { proxy_cache_key \$uri; $::A }"
--- request eval
["GET /none", "GET /none", "GET /off", "GET /off", "GET /checked"]
--- response_headers eval
["X-Cache: MISS", "X-Cache: HIT", "X-Cache: MISS", "X-Cache: HIT", "X-Cache: BYPASS"]
