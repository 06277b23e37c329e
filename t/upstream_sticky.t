# Sessions that stay at their backends: the cookie of sticky=, and where there is none. (Whole sessions: the scenario
# balance_sticky.)
# requires: with http_ssl_module
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    upstream_table apps { zone 1m; file apps.json; passive fails=0; }
    upstream backend { upstream_lookup apps $host sticky=srv; }
    proxy_set_header Host $host;
_EOC_

our $Apps = <<'_EOC_';
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A", "http://127.0.0.1:$TEST_NGINX_PORT_B"]},
 "dead.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_RAND_PORT_1"]},
 "half.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_RAND_PORT_1", "http://127.0.0.1:$TEST_NGINX_PORT_B"]}}
_EOC_

run_tests();

__DATA__

=== TEST 1: who has no cookie gets one, and who has none of a backend too
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
["Host: a.test", "Host: a.test\nCookie: srv=0123456789abcdef", "Host: a.test\nCookie: srv=../../etc; srv; =", "Host: a.test\nCookie: other=0123456789abcdef"]
--- raw_response_headers_like eval
["Set-Cookie: srv=[0-9a-f]{16}; Path=/; HttpOnly; SameSite=Lax\r\n", "Set-Cookie: srv=[0-9a-f]{16}; Path=/; HttpOnly; SameSite=Lax\r\n", "Set-Cookie: srv=[0-9a-f]{16}; Path=/; HttpOnly; SameSite=Lax\r\n", "Set-Cookie: srv=[0-9a-f]{16}; Path=/; HttpOnly; SameSite=Lax\r\n"]

=== TEST 2: no session with a backend that does not answer, none on a miss
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /", "GET /"]
--- more_headers eval
["Host: dead.test", "Host: none.test", "Host: half.test"]
--- error_code eval
[502, 404, 200]
--- response_headers eval
["! Set-Cookie", "! Set-Cookie", "X-Backend: b"]

=== TEST 3: Secure under https
--- http_upstream: a, b
--- http_config eval
$::Http . <<'_EOC_'
    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_2 ssl;
        ssl_certificate $TEST_NGINX_DATA/tls/one.pem;
        ssl_certificate_key $TEST_NGINX_DATA/tls/one.key;
        location / { proxy_pass http://backend; }
    }
_EOC_
--- user_files eval: $::Apps
--- config
location / { proxy_pass https://127.0.0.1:$TEST_NGINX_RAND_PORT_2; }
--- request
GET /
--- more_headers
Host: a.test
--- raw_response_headers_like: Set-Cookie: srv=[0-9a-f]{16}; Path=/; HttpOnly; SameSite=Lax; Secure\r\n

=== TEST 4: a page that nginx's cache keeps is nobody's session; another one beside it is
--- http_upstream: a, b
--- http_config eval
$::Http . <<'_EOC_'
    proxy_cache_path cache keys_zone=c:1m;
    add_header X-Cache $upstream_cache_status always;
_EOC_
--- user_files eval: $::Apps
--- config
location /kept { proxy_cache c; proxy_cache_valid 200 1m; proxy_pass http://backend; }
location /other { proxy_cache c; proxy_pass http://backend; }
--- request eval
["GET /kept", "GET /kept", "GET /other"]
--- more_headers
Host: a.test
--- response_headers eval
["X-Cache: MISS\n! Set-Cookie", "X-Cache: HIT\n! Set-Cookie", "X-Cache: MISS"]
--- raw_response_headers_like eval
["X-Cache", "X-Cache", "Set-Cookie: srv="]

=== TEST 5: without sticky= there is no cookie, and one that comes means nothing
--- http_upstream: a, b
--- http_config
upstream_table apps { zone 1m; file apps.json; }
upstream backend { upstream_lookup apps $host; }
--- user_files eval: $::Apps
--- config
location / { proxy_pass http://backend; }
--- request
GET /
--- more_headers
Host: a.test
Cookie: srv=0123456789abcdef
--- response_headers
X-Backend: a
! Set-Cookie

=== TEST 6: a page of several: subrequests set none
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { proxy_pass http://backend; }
location = /auth { internal; proxy_pass http://backend; }
location = /page { auth_request /auth; return 200 ok; }
--- request
GET /page
--- more_headers
Host: a.test
--- response_headers
! Set-Cookie
