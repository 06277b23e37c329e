# Stripping: what goes on has no token, everything else keeps its bytes and order.
use Test::Nginx::Socket 'no_plan';

# How the tokens here are made is said in t/token.t.
our $P = "token_profile p { format scalesimple; key file=key; }\n";
our $Files = ">>> ../conf/key\nkey-one\n>>> ../conf/key2\nkey-two\n>>> v\nshown\n";
our $Up = 'proxy_http_version 1.0; proxy_set_header Host up; proxy_set_header Connection close; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A;';
our $Dry = "location / { token_auth p; token_auth_dry_run on; token_auth_log_level info; $Up }";
# The end of the head a backend sees when the client sends nothing of its own.
our $E = " HTTP/1.0\r\nHost: up\r\nConnection: close\r\n";

no_long_string();
run_tests();

__DATA__

=== TEST 1: a valid token in the query: first, middle, last, only, apart
--- http_upstream: a
--- http_config eval: $::P
--- config eval
"location / { token_auth p; $::Up }"
--- user_files eval: $::Files
--- request eval
["GET /v?ss_token=6e75fcca72f8bfc194d13843e3693253&ss_expiration=4000000000&a=1&b=2", "GET /v?a=1&ss_token=6e75fcca72f8bfc194d13843e3693253&ss_expiration=4000000000&b=2", "GET /v?a=1&b=2&ss_token=6e75fcca72f8bfc194d13843e3693253&ss_expiration=4000000000", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v?ss_expiration=4000000000&a=1&ss_token=78b99375127d09ed69a29a168619023a"]
--- response_body eval
["name=a\nGET /v?a=1&b=2$::E\r\n", "name=a\nGET /v?a=1&b=2$::E\r\n", "name=a\nGET /v?a=1&b=2$::E\r\n", "name=a\nGET /v$::E\r\n", "name=a\nGET /v?a=1$::E\r\n"]

=== TEST 2: any token in the query, byte for byte
--- http_upstream: a
--- http_config eval: $::P
--- config eval: $::Dry
--- user_files eval: $::Files
--- request eval
["GET /v?a&ss_token=x&ss_token=y&ss_expiration=1&ss_expiration=2&b", "GET /v?ss_token=&ss_expiration=", "GET /v?ss_token=%26%3D&c", "GET /v?ss_token=x=y=z&c", "GET /v?a=%20+%2F&ss_token=x&b=%zz", "GET /v?ss_token=x&&a", "GET /v?a&&ss_token=x", "GET /v?&ss_token=x", "GET /v?ss_token=x&", "GET /v?&&a&ss_token=x&b&&", "GET //w/%2e/%2E%2e/v?ss_token=x", "GET /v%3Fss_token=y?ss_token=x", "GET /v?a?ss_token=y&ss_token=x", "GET /v?ss_expiration=1", "GET /v?\xe9=\xff&ss_token=x"]
--- response_body eval
["name=a\nGET /v?a&b$::E\r\n", "name=a\nGET /v$::E\r\n", "name=a\nGET /v?c$::E\r\n", "name=a\nGET /v?c$::E\r\n", "name=a\nGET /v?a=%20+%2F&b=%zz$::E\r\n", "name=a\nGET /v?&a$::E\r\n", "name=a\nGET /v?a&$::E\r\n", "name=a\nGET /v$::E\r\n", "name=a\nGET /v$::E\r\n", "name=a\nGET /v?&&a&b&&$::E\r\n", "name=a\nGET //w/%2e/%2E%2e/v$::E\r\n", "name=a\nGET /v%3Fss_token=y$::E\r\n", "name=a\nGET /v?a?ss_token=y$::E\r\n", "name=a\nGET /v$::E\r\n", "name=a\nGET /v?\xe9=\xff$::E\r\n"]

=== TEST 3: what only looks like the token's argument stays
--- http_upstream: a
--- http_config eval: $::P
--- config eval: $::Dry
--- user_files eval: $::Files
--- request eval
["GET /v?SS_TOKEN=x&Ss_Token=y", "GET /v?ss_tokens=x&xss_token=y&ss_token", "GET /v?a=ss_token=x", "GET /v?ss%5Ftoken=x", "GET /v?a;ss_token=x", "GET /v?", "GET /v?+ss_token=x", "GET /ss_token=x", "GET /v?=ss_token"]
--- response_body eval
["name=a\nGET /v?SS_TOKEN=x&Ss_Token=y$::E\r\n", "name=a\nGET /v?ss_tokens=x&xss_token=y&ss_token$::E\r\n", "name=a\nGET /v?a=ss_token=x$::E\r\n", "name=a\nGET /v?ss%5Ftoken=x$::E\r\n", "name=a\nGET /v?a;ss_token=x$::E\r\n", "name=a\nGET /v?$::E\r\n", "name=a\nGET /v?+ss_token=x$::E\r\n", "name=a\nGET /ss_token=x$::E\r\n", "name=a\nGET /v?=ss_token$::E\r\n"]

=== TEST 4: a cookie between others: first, middle, last, only, twice, with other spaces
--- http_upstream: a
--- http_config eval: $::P
--- config eval: $::Dry
--- user_files eval: $::Files
--- request eval
["GET /v", "GET /v", "GET /v", "GET /v", "GET /v", "GET /v", "GET /v", "GET /v"]
--- more_headers eval
["Cookie: ss_token=x; ss_expiration=1; a=1; b=2", "Cookie: a=1; ss_token=x; ss_expiration=1; b=2", "Cookie: a=1; b=2; ss_token=x; ss_expiration=1", "Cookie: ss_token=x; ss_expiration=1", "Cookie: ss_token=x; a=1; ss_token=y; b=2; ss_token=z", "Cookie: a=1;ss_token=x;b=2", "Cookie: a=1;  ss_token=x;  b=2", "Cookie: a=1 ; ss_token = x ; b=\"2=3\""]
--- response_body eval
["name=a\nGET /v$::E" . "Cookie: a=1; b=2\r\n\r\n", "name=a\nGET /v$::E" . "Cookie: a=1; b=2\r\n\r\n", "name=a\nGET /v$::E" . "Cookie: a=1; b=2\r\n\r\n", "name=a\nGET /v$::E\r\n", "name=a\nGET /v$::E" . "Cookie: a=1; b=2\r\n\r\n", "name=a\nGET /v$::E" . "Cookie: a=1;b=2\r\n\r\n", "name=a\nGET /v$::E" . "Cookie: a=1;  b=2\r\n\r\n", "name=a\nGET /v$::E" . "Cookie: a=1 ; b=\"2=3\"\r\n\r\n"]

=== TEST 5: several Cookie lines
--- http_upstream: a
--- http_config eval: $::P
--- config eval: $::Dry
--- user_files eval: $::Files
--- request eval
["GET /v", "GET /v", "GET /v"]
--- more_headers eval
["Cookie: a=1; ss_token=x\nCookie: ss_expiration=1\nX-Y: z\nCookie: b=2", "cookie: ss_token=x\nCOOKIE: ss_expiration=1", "Cookie: a=1\nCookie: b=2"]
--- response_body eval
["name=a\nGET /v$::E" . "Cookie: a=1\r\nX-Y: z\r\nCookie: b=2\r\n\r\n", "name=a\nGET /v$::E\r\n", "name=a\nGET /v$::E" . "Cookie: a=1\r\nCookie: b=2\r\n\r\n"]

=== TEST 6: a valid token spread over two Cookie lines
--- http_upstream: a
--- http_config eval: $::P
--- config eval
"location / { token_auth p; $::Up }"
--- user_files eval: $::Files
--- request
GET /v
--- more_headers
Cookie: a=1; ss_expiration=4000000000
Cookie: ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39; b=2
--- response_body eval
"name=a\nGET /v$::E" . "Cookie: a=1\r\nCookie: b=2\r\n\r\n"

=== TEST 7: what only looks like the token's cookie stays
--- http_upstream: a
--- http_config eval: $::P
--- config eval: $::Dry
--- user_files eval: $::Files
--- request
GET /v
--- more_headers
Cookie: SS_TOKEN=x; ss_token2=y; a=ss_token=z; ss_token; xss_token=1
--- response_body eval
"name=a\nGET /v$::E" . "Cookie: SS_TOKEN=x; ss_token2=y; a=ss_token=z; ss_token; xss_token=1\r\n\r\n"

=== TEST 8: headers are gone: first, middle, last, in any case, repeated
--- http_upstream: a
--- http_config eval: $::P
--- config eval: $::Dry
--- user_files eval: $::Files
--- request eval
["GET /v", "GET /v", "GET /v", "GET /v"]
--- more_headers eval
["X-SS-Token: x\nX-SS-Expiration: 1\nA: 1\nB: 2", "A: 1\nX-SS-Token: x\nX-SS-Expiration: 1\nB: 2", "A: 1\nB: 2\nX-SS-Token: x\nX-SS-Expiration: 1", "x-ss-token: x\nX-Ss-Token: y\nA: 1\nX-SS-TOKEN: z\nX-SS-Tokens: keep\nB: 2\nx-ss-expiration:"]
--- response_body eval
["name=a\nGET /v$::E" . "A: 1\r\nB: 2\r\n\r\n", "name=a\nGET /v$::E" . "A: 1\r\nB: 2\r\n\r\n", "name=a\nGET /v$::E" . "A: 1\r\nB: 2\r\n\r\n", "name=a\nGET /v$::E" . "A: 1\r\nX-SS-Tokens: keep\r\nB: 2\r\n\r\n"]

=== TEST 9: headers are gone from every part of nginx's list (20 lines each)
--- http_upstream: a
--- http_config eval: $::P
--- config eval: $::Dry
--- user_files eval: $::Files
--- raw_request eval
["GET /v HTTP/1.1\r\nX-SS-Token: 1\r\nHost: h\r\nConnection: close\r\n" . "A: 1\r\n" x 16 . "X-SS-Token: 20\r\nX-SS-Token: 21\r\n" . "B: 2\r\n" x 18 . "X-SS-Token: 40\r\n" . "X-SS-Token: 41\r\n" x 25 . "C: 3\r\nX-SS-Token: 67\r\n\r\n"]
--- response_body eval
"name=a\nGET /v$::E" . "A: 1\r\n" x 16 . "B: 2\r\n" x 18 . "C: 3\r\n\r\n"

=== TEST 10: a hundred token headers and nothing else
--- http_upstream: a
--- http_config eval: $::P
--- config eval: $::Dry
--- user_files eval: $::Files
--- raw_request eval
["GET /v HTTP/1.0\r\n" . "X-SS-Token: 1\r\n" x 100 . "\r\n"]
--- response_body eval
"name=a\nGET /v$::E\r\n"

=== TEST 11: every place is stripped, also those that did not decide
--- http_upstream: a
--- http_config eval: $::P
--- config eval
"location / { token_auth p; $::Up }"
--- user_files eval: $::Files
--- request
GET /v?a=1&ss_token=78b99375127d09ed69a29a168619023a&ss_expiration=4000000000
--- more_headers
Cookie: ss_token=x; a=1
X-SS-Token: y
X-SS-Expiration: 1
--- response_body eval
"name=a\nGET /v?a=1$::E" . "Cookie: a=1\r\n\r\n"

=== TEST 12: places the profile does not name are left alone
--- http_upstream: a
--- http_config
token_profile p { format scalesimple; key file=key; from query=st; }
--- config eval
"location / { token_auth p; $::Up }"
--- user_files eval: $::Files
--- request
GET /v?ss_token=x&st=d2ff24ddff72ae5921a3defd74d5c7e2,4000000000
--- more_headers
Cookie: ss_token=x; st=y
X-SS-Token: y
st: z
--- response_body eval
"name=a\nGET /v?ss_token=x$::E" . "Cookie: ss_token=x; st=y\r\nX-SS-Token: y\r\nst: z\r\n\r\n"

=== TEST 13: where nothing is checked nothing is stripped
--- http_upstream: a
--- http_config eval: $::P
--- config eval
"token_auth p;
location / { token_auth off; $::Up }"
--- user_files eval: $::Files
--- request
GET /v?ss_token=x
--- more_headers
Cookie: ss_token=x
X-SS-Token: y
--- response_body eval
"name=a\nGET /v?ss_token=x$::E" . "Cookie: ss_token=x\r\nX-SS-Token: y\r\n\r\n"

=== TEST 14: strip off: checked, and passed on as received
--- http_upstream: a
--- http_config eval: $::P
--- config eval
"location / { token_auth p; token_auth_strip off; $::Up }"
--- user_files eval: $::Files
--- request eval
["GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v", "GET /v", "GET /v?ss_token=630043a1f1a82f61d0738fb2066fc17b&ss_expiration=4000000000"]
--- more_headers eval
["", "Cookie: a=1; ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39; ss_expiration=4000000000", "X-SS-Token: 89ebef16f7b05ed3aff1d6e7c8d7dd39\nX-SS-Expiration: 4000000000", ""]
--- error_code eval
[200, 200, 200, 403]
--- response_body eval
["name=a\nGET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000$::E\r\n", "name=a\nGET /v$::E" . "Cookie: a=1; ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39; ss_expiration=4000000000\r\n\r\n", "name=a\nGET /v$::E" . "X-SS-Token: 89ebef16f7b05ed3aff1d6e7c8d7dd39\r\nX-SS-Expiration: 4000000000\r\n\r\n", qr/403/]

=== TEST 15: strip is inherited, and set again below
--- http_upstream: a
--- http_config eval
$::P . "token_auth_strip off;"
--- config eval
"token_auth p; token_auth_dry_run on; token_auth_log_level info;
location / { $::Up }
location /on { token_auth_strip on; $::Up }"
--- user_files eval: $::Files
--- request eval
["GET /v?ss_token=x", "GET /on?ss_token=x"]
--- response_body eval
["name=a\nGET /v?ss_token=x$::E\r\n", "name=a\nGET /on$::E\r\n"]

=== TEST 16: an `Authorization` header goes on, unless stripping is asked for
--- http_upstream: a
--- http_config
token_profile p { format scalesimple; key file=key; from header=Authorization query; }
--- config eval
"location / { token_auth p; $::Up } location /on { token_auth p; token_auth_strip on; $::Up } location /off { token_auth p; token_auth_strip off; $::Up }"
--- user_files eval: $::Files
--- request eval
["GET /v?ss_token=x", "GET /on?ss_token=x", "GET /off?ss_token=x"]
--- more_headers eval
["Authorization: d2ff24ddff72ae5921a3defd74d5c7e2,4000000000", "authorization: 29d70d6a10bbb920a94a0da16eca5c42,4000000000", "Authorization: 46fd16af1e6ebca14bb3e7d1fa4bb801,4000000000"]
--- response_body eval
["name=a\nGET /v$::E" . "Authorization: d2ff24ddff72ae5921a3defd74d5c7e2,4000000000\r\n\r\n", "name=a\nGET /on$::E\r\n", "name=a\nGET /off?ss_token=x$::E" . "Authorization: 46fd16af1e6ebca14bb3e7d1fa4bb801,4000000000\r\n\r\n"]

=== TEST 17: nginx's variables, also those it had computed before
--- http_upstream: a
--- http_config eval: $::P
--- config
set $seen "$request_uri|$args|$arg_ss_token|$http_cookie|$cookie_ss_token|$cookie_a|$http_x_ss_token|$http_x_ss_expiration";
location / {
    token_auth p;
    proxy_http_version 1.0;
    proxy_set_header Host up;
    proxy_set_header X-Now "$request_uri|$args|$arg_ss_token|$http_cookie|$cookie_ss_token|$cookie_a|$http_x_ss_token|$http_x_ss_expiration";
    proxy_set_header X-Then $seen;
    proxy_set_header Connection close;
    proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A;
}
--- user_files eval: $::Files
--- request
GET /v?b=2&ss_token=2f250a2f00b19a53c6290ba37a19b5c7&ss_expiration=4000000000
--- more_headers
Cookie: a=1; ss_token=x
X-SS-Token: y
X-SS-Expiration: 1
--- response_body eval
"name=a\nGET /v?b=2 HTTP/1.0\r\nHost: up\r\nX-Now: /v?b=2|b=2||a=1||1||\r\nX-Then: /v?b=2&ss_token=2f250a2f00b19a53c6290ba37a19b5c7&ss_expiration=4000000000|b=2&ss_token=2f250a2f00b19a53c6290ba37a19b5c7&ss_expiration=4000000000|2f250a2f00b19a53c6290ba37a19b5c7|a=1; ss_token=x|x|1|y|1\r\nConnection: close\r\nCookie: a=1\r\n\r\n"

=== TEST 18: what the configuration itself sets under such a name stays
--- http_upstream: a
--- http_config eval: $::P
--- config
set $http_x_mode "fast";
set $cookie_mode "slow";
location / {
    token_auth p;
    proxy_set_header X-Seen "$http_x_mode $cookie_mode";
    proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A;
}
--- user_files eval: $::Files
--- request
GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000
--- response_body_like: \r\nX-Seen: fast slow\r\n

=== TEST 19: `$request` stays as received, `$request_uri` does not
--- http_config eval
$::P . 'log_format mine "$request|$request_method $request_uri";'
--- config
access_log logs/access.log mine;
location / { token_auth p; root html; }
--- user_files eval: $::Files
--- request
GET /v?a=1&ss_token=78b99375127d09ed69a29a168619023a&ss_expiration=4000000000
--- access_log
GET /v?a=1&ss_token=78b99375127d09ed69a29a168619023a&ss_expiration=4000000000 HTTP/1.1|GET /v?a=1

=== TEST 20: proxy_pass with a URI part, and with variables
--- http_upstream: a
--- http_config eval: $::P
--- config
token_auth p;
token_auth_dry_run on;
token_auth_log_level info;
proxy_http_version 1.0;
proxy_set_header Host up;
proxy_set_header Connection close;
location /one/ { proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A/two/; }
location /two/ { proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A$request_uri; }
location /three/ { proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A$uri$is_args$args; }
location /four/ { proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A/x?u=$arg_ss_token&$query_string; }
location /five/ { set $to 127.0.0.1:$TEST_NGINX_PORT_A; proxy_pass http://$to; }
--- user_files eval: $::Files
--- request eval
["GET /one/v?a=1&ss_token=x", "GET /two/v?a=1&ss_token=x", "GET /three/v?ss_token=x", "GET /four/v?ss_token=x&b=1", "GET /five/%76?ss_token=x&b=1"]
--- response_body eval
["name=a\nGET /two/v?a=1$::E\r\n", "name=a\nGET /two/v?a=1$::E\r\n", "name=a\nGET /three/v$::E\r\n", "name=a\nGET /x?u=&b=1$::E\r\n", "name=a\nGET /five/%76?b=1$::E\r\n"]

=== TEST 21: after a rewrite
--- http_upstream: a
--- http_config eval: $::P
--- config
token_auth p;
proxy_http_version 1.0;
proxy_set_header Host up;
proxy_set_header Connection close;
location /one/ { rewrite ^/one/(.*)$ /r/$1 break; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
location /two/ { rewrite ^/two/(.*)$ /r/$1?c=3 break; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
location /three/ { rewrite ^/three/(.*)$ /one/$1 last; }
location /four/ { rewrite ^/four/(.*)$ /r/$1? break; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files eval: $::Files
--- request eval
["GET /one/v?ss_token=8c144bd228b58e658c93a9426f4917b1&ss_expiration=4000000000&a=1", "GET /two/v?ss_token=7065074c1986a82212c457c13a141142&ss_expiration=4000000000&a=1", "GET /three/v?ss_token=ae66cf2954175f0ba95427b3249734cc&ss_expiration=4000000000&a=1", "GET /four/v?ss_token=5b4187c24f100ac1cfefbe301ed85220&ss_expiration=4000000000"]
--- response_body eval
["name=a\nGET /r/v?a=1$::E\r\n", "name=a\nGET /r/v?c=3&a=1$::E\r\n", "name=a\nGET /r/v?a=1$::E\r\n", "name=a\nGET /r/v$::E\r\n"]

=== TEST 22: in the path: the location is found again, as if the token had not been there
--- http_upstream: a
--- http_config
token_profile p { format scalesimple; key file=key; from path; }
--- config
token_auth p;
proxy_http_version 1.0;
proxy_set_header Host up;
proxy_set_header X-Uri "$uri $request_uri $args";
location / { proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
location /s/ { proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A/out/; }
--- user_files eval: $::Files
--- request eval
["GET /s/db08c6644e83c518eaff8147f6381247,4000000000/x?a=%20", "GET /39554f239d9be76a5313bb612eee6196,4000000000/s/x?a=1", "GET /f631249af16986f762c1923e2cd10c92,4000000000/q", "GET /q/96a66404088f719711cff01e4080ddc3,4000000000"]
--- response_body_like eval
["^name=a\nGET /out/x\\?a=%20 HTTP/1.0\r\nHost: up\r\nX-Uri: /s/x /s/x\\?a=%20 a=%20\r\n", "^name=a\nGET /out/x\\?a=1 HTTP/1.0\r\nHost: up\r\nX-Uri: /s/x /s/x\\?a=1 a=1\r\n", "^name=a\nGET /q HTTP/1.0\r\nHost: up\r\nX-Uri: /q /q \r\n", "^name=a\nGET /q/ HTTP/1.0\r\nHost: up\r\nX-Uri: /q/ /q/ \r\n"]

=== TEST 23: in the path, dry run: taken out whatever it is worth, logged once
--- http_upstream: a
--- http_config
token_profile p { format scalesimple; key file=key; from path; }
log_format mine "$uri $token_auth_status $token_auth_action";
--- config eval
"access_log logs/access.log mine;
location / { token_auth p; token_auth_dry_run on; $::Up }"
--- user_files eval: $::Files
--- request
GET /00000000000000000000000000000000,4000000000/v?a
--- response_body eval
"name=a\nGET /v?a$::E\r\n"
--- access_log
/v invalid dry_run
--- error_log
dry run, token refused: invalid, profile "p"

=== TEST 24: in the path: one step, a second token segment is part of the URL
--- http_upstream: a
--- http_config
token_profile p { format scalesimple; key file=key; from path; }
--- config eval
"location / { token_auth p; $::Up }"
--- user_files eval: $::Files
--- request
GET /b9ddd5e79c02960cc1840cb2f5df42f9,4000000000/00000000000000000000000000000000,1/v
--- response_body eval
"name=a\nGET /00000000000000000000000000000000,1/v$::E\r\n"

=== TEST 25: in the path: a dozen of them end in no loop
--- http_upstream: a
--- http_config
token_profile p { format scalesimple; key file=key; from path; }
--- config eval
"location / { token_auth p; token_auth_dry_run on; $::Up }"
--- user_files eval: $::Files
--- request eval
"GET /" . "00000000000000000000000000000000,1/" x 12
--- response_body eval
"name=a\nGET /" . "00000000000000000000000000000000,1/" x 11 . "$::E\r\n"

=== TEST 26: stripped before access, so that `satisfy any` cannot skip it
--- http_upstream: a
--- http_config eval: $::P
--- config eval
"location / { token_auth p; satisfy any; allow all; $::Up }"
--- user_files eval: $::Files
--- request eval
["GET /v?ss_token=x&a", "GET /v"]
--- more_headers eval
["", "X-SS-Token: x\nCookie: ss_token=x"]
--- response_body eval
["name=a\nGET /v?a$::E\r\n", "name=a\nGET /v$::E\r\n"]

=== TEST 27: stripped from refused requests, too: an error page's backend sees no token
--- http_upstream: a
--- http_config eval: $::P
--- config eval
"location / { token_auth p; error_page 403 = \@denied; root html; } location \@denied { $::Up }"
--- user_files eval: $::Files
--- request
GET /v?a=1&ss_token=630043a1f1a82f61d0738fb2066fc17b&ss_expiration=4000000000
--- more_headers
Cookie: ss_token=x; b=2
X-SS-Token: y
--- response_body eval
"name=a\nGET /v?a=1$::E" . "Cookie: b=2\r\n\r\n"
--- error_log
token refused: invalid

=== TEST 28: keys of `limit_req` see the clean URI
--- http_config eval
$::P . 'limit_req_zone $request_uri zone=z:1m rate=1r/m;'
--- config
location / { token_auth p; limit_req zone=z; limit_req_status 429; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v?ss_token=49b66ceb02bdea133f74b725663d5542&ss_expiration=4000000001"]
--- error_code eval
[200, 429]
--- error_log
limiting requests

=== TEST 29: an `auth_request` sees the clean URI
--- http_config eval
$::P . 'server { listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1; add_header X-Seen "$http_x_uri|$http_x_ss_token"; return 204; }'
--- config
location / { token_auth p; auth_request /auth; auth_request_set $seen $upstream_http_x_seen; add_header X-Seen $seen; root html; }
location = /auth { internal; proxy_set_header X-Uri "$request_uri|$args"; proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
--- user_files eval: $::Files
--- request eval
["GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v"]
--- more_headers eval
["", "X-SS-Token: 89ebef16f7b05ed3aff1d6e7c8d7dd39\nX-SS-Expiration: 4000000000"]
--- response_headers eval
["X-Seen: /v||", "X-Seen: /v||"]

=== TEST 30: two users' links make one cache entry
--- http_upstream: a
--- http_config eval
$::P . "proxy_cache_path cache keys_zone=c:1m;"
--- config
location / {
    token_auth p;
    proxy_cache c;
    proxy_cache_valid 200 1m;
    add_header X-Cache $upstream_cache_status;
    proxy_http_version 1.0;
    proxy_set_header Host up;
    proxy_set_header Connection close;
    proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A;
}
--- user_files eval: $::Files
--- request eval
["GET /v?a=1&ss_token=78b99375127d09ed69a29a168619023a&ss_expiration=4000000000", "GET /v?ss_token=f8ce650aa064ccff6b0d44eaa992a5ac&ss_expiration=4000000001&a=1", "GET /v?a=1", "GET /v?a=1", "GET /v?a=2&ss_token=b8a33f08b2dc771c8295d23839fb71ed&ss_expiration=4000000000"]
--- more_headers eval
["", "", "Cookie: ss_token=78b99375127d09ed69a29a168619023a; ss_expiration=4000000000", "X-SS-Token: 78b99375127d09ed69a29a168619023a\nX-SS-Expiration: 4000000000", ""]
--- response_headers eval
["X-Cache: MISS", "X-Cache: HIT", "X-Cache: HIT", "X-Cache: HIT", "X-Cache: MISS"]
--- response_body eval
["name=a\nGET /v?a=1$::E\r\n", "name=a\nGET /v?a=1$::E\r\n", "name=a\nGET /v?a=1$::E\r\n", "name=a\nGET /v?a=1$::E\r\n", "name=a\nGET /v?a=2$::E\r\n"]

=== TEST 31: one cache entry with `$request_uri` in its key, though it was read before
--- http_upstream: a
--- http_config eval
$::P . "proxy_cache_path cache keys_zone=c:1m;"
--- config
set $seen "$request_uri $args";
location / {
    token_auth p;
    proxy_cache c;
    proxy_cache_key $scheme$host$request_uri;
    proxy_cache_valid 200 1m;
    add_header X-Cache $upstream_cache_status;
    proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A;
}
--- user_files eval: $::Files
--- request eval
["GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v?ss_token=49b66ceb02bdea133f74b725663d5542&ss_expiration=4000000001"]
--- response_headers eval
["X-Cache: MISS", "X-Cache: HIT"]

=== TEST 32: a refused token on a cached object is refused, and the refusal is not cached
--- http_upstream: a
--- http_config eval
$::P . "proxy_cache_path cache keys_zone=c:1m;"
--- config
location / {
    token_auth p;
    token_auth_status expired=410;
    proxy_cache c;
    proxy_cache_valid any 1m;
    add_header X-Cache $upstream_cache_status always;
    proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A;
}
--- user_files eval: $::Files
--- request eval
["GET /v", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v?ss_token=e2ca171758b9e84dc9647034d5c4745b&ss_expiration=1000000000", "GET /v?ss_token=630043a1f1a82f61d0738fb2066fc17b&ss_expiration=4000000000", "GET /v", "GET /v?ss_token=49b66ceb02bdea133f74b725663d5542&ss_expiration=4000000001"]
--- error_code eval
[403, 200, 410, 403, 403, 200]
--- response_headers eval
["! X-Cache", "X-Cache: MISS", "! X-Cache", "! X-Cache", "! X-Cache", "X-Cache: HIT"]

=== TEST 33: the body of a request stays whole
--- http_upstream: a
--- http_config eval: $::P
--- config eval
"location / { token_auth p; $::Up }"
--- user_files eval: $::Files
--- request
POST /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000
ss_token=body&a=1
--- more_headers
Content-Type: application/x-www-form-urlencoded
--- response_body eval
"name=a\nPOST /v HTTP/1.0\r\nHost: up\r\nConnection: close\r\nContent-Length: 17\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\nss_token=body&a=1"

=== TEST 34: kept connections: nothing of one request is missing in the next
--- http_upstream: a
--- http_config eval: $::P
--- config eval
"location / { token_auth p; $::Up } location /free { $::Up }"
--- user_files eval: $::Files
--- pipelined_requests eval
["GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /free?ss_token=x", "GET /v"]
--- more_headers eval
["X-SS-Token: y\nA: 1", "X-SS-Token: y\nCookie: ss_token=x", "X-SS-Token: 89ebef16f7b05ed3aff1d6e7c8d7dd39\nX-SS-Expiration: 4000000000\nCookie: c=1"]
--- response_body eval
["name=a\nGET /v$::E" . "A: 1\r\n\r\n", "name=a\nGET /free?ss_token=x$::E" . "X-SS-Token: y\r\nCookie: ss_token=x\r\n\r\n", "name=a\nGET /v$::E" . "Cookie: c=1\r\n\r\n"]

=== TEST 35: a directory's redirect has no token: the link is signed for what it names
--- http_config eval: $::P
--- config
location / { token_auth p; root html; absolute_redirect off; }
--- user_files eval
$::Files . ">>> d/index.html\nindex\n"
--- request
GET /d?a=1&ss_token=987baf9a008d04fc3e640822357025bb&ss_expiration=4000000000
--- error_code: 301
--- response_headers
Location: /d/?a=1

=== TEST 36: a request that `return` sends to an error page has no token there
--- http_upstream: app
--- http_config
token_profile p { format scalesimple; key text=example; }
--- config
location /v { token_auth p; error_page 405 = @big; if ($request_method = PUT) { return 405; } root html; }
location /kept { token_auth p; token_auth_strip off; error_page 405 = @big; return 405; }
location /free { error_page 405 = @big; return 405; }
location @big { proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_APP; }
--- request eval
["PUT /v?a=1&ss_token=x&ss_expiration=1&b=2", "GET /kept?ss_token=x&ss_expiration=1", "GET /free?ss_token=x"]
--- error_code eval
[200, 200, 200]
--- response_body_like eval
[qr/^PUT \/v\?a=1&b=2 /m, qr/^GET \/kept\?ss_token=x&ss_expiration=1 /m, qr/^GET \/free\?ss_token=x /m]

=== TEST 37: a fragment with a token goes as a whole, another one stays
--- http_upstream: a
--- http_config eval: $::P
--- config eval: $::Dry
--- user_files eval: $::Files
--- request eval
["GET /v?a#&ss_token=x", "GET /v#?ss_token=x", "GET /v#ss_token=x&b", "GET /v?a&ss_token=x#&b", "GET /v?a#b"]
--- response_body eval
["name=a\nGET /v?a$::E\r\n", "name=a\nGET /v$::E\r\n", "name=a\nGET /v$::E\r\n", "name=a\nGET /v?a#&b$::E\r\n", "name=a\nGET /v?a#b$::E\r\n"]

=== TEST 38: what is logged of requests that end before anything is checked: their own profile's tokens are gone
--- http_config
token_profile a { format scalesimple; key text=example; from query=ta,ea header=Authorization; }
token_profile b { format scalesimple; key text=example; from query=tb,eb; }
log_format mine "$request_uri $http_authorization.";
--- config
access_log logs/access.log mine;
location = /named { token_auth $arg_p; return 204; }
location = /on { token_auth a; token_auth_strip on; return 204; }
location = /plain { token_auth a; return 204; }
--- request eval
["GET /named?p=a&ta=1&tb=2&ea=3&eb=4", "GET /named?p=b&ta=1&tb=2&ea=3&eb=4", "GET /on?ta=1", "GET /plain?ta=1"]
--- more_headers
Authorization: yes
--- error_code eval
[204, 204, 204, 204]
--- access_log
/named?p=a&tb=2&eb=4 yes.
/named?p=b&ta=1&ea=3 yes.
/on -.
/plain yes.
