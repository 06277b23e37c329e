# JSON Web Tokens: carriers, answers, claims.
use Test::Nginx::Socket 'no_plan';

# HS256 under this key, except where it says otherwise; "exp" is 4000000000 (2096), of the late one 1000000000 (2001).
#   SIGNED=$(printf %s '{"alg":"HS256","typ":"JWT"}' | basenc --base64url | tr -d =).$(printf %s "$PAYLOAD" | basenc -w 0 --base64url | tr -d =)
#   printf %s "$SIGNED." ; printf %s "$SIGNED" | openssl dgst -sha256 -hmac "$KEY" -binary | basenc --base64url | tr -d =
our $Files = ">>> ../conf/key\n0123456789abcdef0123456789abcdef\n>>> v\nshown\n";
our $P = "token_profile p { format jwt; key file=key; }\n";

# The claims are those that the blocks ask for.
our $Good = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyLTEiLCJleHAiOjQwMDAwMDAwMDAsImlzcyI6Im1lIiwicm9sZSI6ImFkbWluIiwibiI6NywieWVzIjp0cnVlLCJyZWFsbSI6eyJyb2xlcyI6WyJhIiwiYiJdfSwic2xhc2giOiJhXC9iIiwid2lkZSI6Ilx1MDBlOSIsImJhZCI6ImFcclxuWDogeSIsImRlbCI6Ilx1MDA3ZiIsIm51bCI6Ilx1MDAwMCIsIm5vIjpudWxsLCJhLmIiOiJkb3R0ZWQifQ.xEKryjY_hFYqyjDp5LZgrDLkTYRFSQJoDdYJM3rq6TU";
# Expired.
our $Late = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyLTEiLCJleHAiOjEwMDAwMDAwMDB9.MalZkaT-K83JxiD2yMW7-K9QP36VPtvvs2VD1UkyE4w";
# Under another key.
our $Other = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyLTEiLCJleHAiOjQwMDAwMDAwMDB9.zGMwhu6QouTETcdIXywvtLC9n-1XPMxcts_fTAEDGO8";
# Of another issuer and role.
our $Guest = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyLTIiLCJleHAiOjQwMDAwMDAwMDAsImlzcyI6InlvdSIsInJvbGUiOiJndWVzdCJ9.bUqGs1oEOf6tkR3oAz2Awzhdyg1Iw1fxJ-P2g1YX0fU";
# Under the text of t/data/keys/rsa.pub.pem.
our $Confused = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJyb290IiwiZXhwIjo0MDAwMDAwMDAwfQ.gC9bZ8ATGQml4DJ83hfC2CbIbf8Yu9qKJ6r7X4uUhSU";
# Without "exp".
our $NoExp = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyLTEifQ.FKuUN7RwYyegTHXiye1jBlIKzmjIfb39oxKzJk_Gmdo";

no_long_string();
run_tests();

__DATA__

=== TEST 1: a token in the Authorization header, and what refusals answer
--- http_config eval: $::P
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v", "GET /v", "GET /v", "GET /v", "GET /v", "GET /v?Authorization=x"]
--- more_headers eval
["Authorization: Bearer $::Good", "", "Authorization: Bearer $::Late", "authorization: bearer $::Other", "Authorization: Bearer x", "Authorization: Basic dTpw"]
--- error_code eval
[200, 401, 401, 401, 401, 401]
--- response_headers eval
["!WWW-Authenticate", "WWW-Authenticate: Bearer\nCache-Control: no-store", "WWW-Authenticate: Bearer error=\"invalid_token\"\nCache-Control: no-store", "WWW-Authenticate: Bearer error=\"invalid_token\"", "WWW-Authenticate: Bearer error=\"invalid_token\"", "WWW-Authenticate: Bearer"]
--- error_log
token refused: missing, profile "p"
token refused: expired, profile "p"
token refused: invalid, profile "p"
token refused: malformed, profile "p"

=== TEST 2: a public key is no secret
--- http_config
token_profile p { format jwt; key file=rsa.pem encoding=pem; }
--- config
location / { token_auth p; root html; }
--- user_files
>>> ../conf/rsa.pem
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAmL+JKPfSYMYajDiL0KDI
7iIZe/DDkd9NkOA3c495YfCTzeccF5/Z+99CIlyfIF8Wzx9A3xcSJi6S1K+VfUvL
mTqgDCohuiRPeYSxpuinaVxGkiJQ+tMgEMok0PyrlpI1QJVNDkAIDTmN1ePeoDV4
RQok70hs0MLpnzz2tlG9uRT8S/EUrdYRa/humMIZRGuRb4LS6YW4q7x1B5WmOjxf
JF614eQaXiS1CiUWPHbayR61O8ITsWAxrQ9TxT9zL/I8bmywjwuOKlcco69P3rFf
pqqJATtRswZhKKrbAQiOxu5Pqe2/qBSwckMpm6lpn+5FbPgZHxehXz7Wfie0874M
1QIDAQAB
-----END PUBLIC KEY-----
--- request
GET /v
--- more_headers eval: "Authorization: Bearer $::Confused"
--- error_code: 401
--- error_log
token refused: invalid, profile "p"

=== TEST 3: claims as variables, of a valid token only
--- http_config eval
$::P . "token_claim \$sub p sub;\ntoken_claim \$n p n;\ntoken_claim \$yes p yes;\ntoken_claim \$role1 p realm.roles.1;\ntoken_claim \$roles p realm.roles;\ntoken_claim \$slash p slash;\ntoken_claim \$wide p wide;\ntoken_claim \$bad p bad;\ntoken_claim \$del p del;\ntoken_claim \$nul p nul;\ntoken_claim \$no p no;\ntoken_claim \$none p realm.roles.2;\ntoken_claim \$dotted p /a.b;\n"
--- config
location / { return 200 "$sub|$n|$yes|$role1|$roles|$slash|$wide|$dotted|$bad$del$nul$no$none|$token_auth_status|$token_auth_expires"; }
--- user_files eval: $::Files
--- request eval
["GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
["Authorization: Bearer $::Good", "Authorization: Bearer $::Late", "Authorization: Bearer $::Other", ""]
--- response_body eval
["user-1|7|true|b|[\"a\",\"b\"]|a/b|\xc3\xa9|dotted|||", "||||||||||", "||||||||||", "||||||||||"]
--- no_error_log
[error]

=== TEST 4: claims go to the application, and a client cannot send them itself
--- http_upstream: a
--- http_config eval: $::P . "token_claim \$claimed_sub p sub;\n"
--- config
location / { token_auth p; proxy_http_version 1.0; proxy_set_header Host up; proxy_set_header X-User $claimed_sub; proxy_set_header Connection close; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files eval: $::Files
--- request
GET /v
--- more_headers eval: "Authorization: Bearer $::Good\nX-User: root"
--- response_body eval
"name=a\nGET /v HTTP/1.0\r\nHost: up\r\nX-User: user-1\r\nConnection: close\r\nAuthorization: Bearer $::Good\r\n\r\n"

=== TEST 5: an Authorization header is stripped when the configuration says so, arguments and cookies always
--- http_upstream: a
--- http_config
token_profile p { format jwt; key file=key; from header query=t cookie=c; }
--- config
location / { token_auth p; token_auth_strip on; proxy_http_version 1.0; proxy_set_header Host up; proxy_set_header Connection close; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files eval: $::Files
--- request eval
["GET /v", "GET /v?a=1&t=$::Good&b=2", "GET /v"]
--- more_headers eval
["Authorization: Bearer $::Good", "", "Cookie: a=1; c=$::Good; b=2"]
--- response_body eval
["name=a\nGET /v HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n", "name=a\nGET /v?a=1&b=2 HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n", "name=a\nGET /v HTTP/1.0\r\nHost: up\r\nConnection: close\r\nCookie: a=1; b=2\r\n\r\n"]

=== TEST 6: what a token must claim
--- http_config
token_profile p { format jwt; key file=key; issuer me other; require role in admin root; require realm.roles contains a; }
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v", "GET /v", "GET /v"]
--- more_headers eval
["Authorization: Bearer $::Good", "Authorization: Bearer $::Guest", "Authorization: Bearer $::Late"]
--- error_code eval
[200, 403, 401]
--- response_headers eval
["!WWW-Authenticate", "!WWW-Authenticate\nCache-Control: no-store", "WWW-Authenticate: Bearer error=\"invalid_token\""]
--- error_log
token refused: forbidden, profile "p"

=== TEST 7: a token without an expiry needs a word
--- http_config
token_profile p { format jwt; key file=key; }
token_profile q { format jwt; key file=key; require_exp off; }
--- config
location /p { token_auth p; root html; }
location /q { token_auth q; alias html; }
location / { token_auth q; root html; }
--- user_files eval: $::Files
--- request eval
["GET /p/v", "GET /v"]
--- more_headers eval
["Authorization: Bearer $::NoExp", "Authorization: Bearer $::NoExp"]
--- error_code eval
[401, 200]

=== TEST 8: a browser's preflight is checked unless the location lets it pass
--- http_config eval: $::P
--- config
location /checked { token_auth p; return 204; error_page 401 = @no; }
location @no { return 418; }
location / { token_auth p; token_auth_preflight pass; root html; }
location /strict { token_auth p; root html; }
--- user_files eval: $::Files
--- request eval
["OPTIONS /v", "OPTIONS /v", "OPTIONS /v", "GET /v", "OPTIONS /strict", "OPTIONS /v
body", "OPTIONS /v"]
--- more_headers eval
["Origin: https://a\nAccess-Control-Request-Method: GET", "Origin: https://a", "Access-Control-Request-Method: GET", "Origin: https://a\nAccess-Control-Request-Method: GET", "Origin: https://a\nAccess-Control-Request-Method: GET", "Origin: https://a\nAccess-Control-Request-Method: GET", "Origin: https://a\nAccess-Control-Request-Method: GET\nContent-Length: 0"]
--- error_code eval
[405, 401, 401, 401, 401, 401, 405]

=== TEST 9: other statuses, pages and checks beside it
--- http_config eval: $::P
--- config
location / { token_auth p; token_auth_status missing=404 expired=410; root html; }
location /page { token_auth p; error_page 401 /login; root html; }
location = /login { return 401 "log in"; }
location /any { satisfy any; token_auth p; auth_basic "b"; auth_basic_user_file users; root html; }
--- user_files eval: $::Files . ">>> ../conf/users\nu:{PLAIN}p\n"
--- request eval
["GET /v", "GET /v", "GET /page", "GET /any"]
--- more_headers eval
["", "Authorization: Bearer $::Late", "", ""]
--- error_code eval
[404, 410, 401, 401]
--- response_headers eval
["!WWW-Authenticate", "!WWW-Authenticate", "WWW-Authenticate: Bearer", ""]

=== TEST 10: too much of everything
--- http_config
large_client_header_buffers 4 80k;
token_profile p { format jwt; key file=key; from header query=t cookie=c; }
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v", "GET /v", "GET /v", "GET /v", "GET /v", "GET /v", "GET /v?t=%00", "GET /v"]
--- more_headers eval
["Authorization: Bearer " . ("a" x 8192), "Authorization: Bearer " . ("a." x 4096), "Cookie: c=" . ("b" x 65536), "Cookie: " . ("c=x; " x 13000), "Authorization: Bearer \xff\xfe.\x80.x", "Authorization: Bearer " . ("e30" x 2000) . ".e30.e30", "", "Authorization: Bearer $::Good" . ("A" x 4000)]
--- error_code eval
[401, 401, 401, 401, 401, 401, 401, 401]

=== TEST 11: nothing of a token is in the error log
--- http_config eval: $::P
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files
--- request
GET /v
--- more_headers eval: "Authorization: Bearer $::Other"
--- error_code: 401
--- no_error_log eval
["eyJhbGci", "0123456789abcdef"]

=== TEST 12: claims decide
--- http_config eval: $::P . "token_claim \$role p role;\nmap \$role \$is_admin { default 0; admin 1; }\n"
--- config
location / { token_auth p; if ($is_admin = 0) { return 403 "not you"; } root html; }
--- user_files eval: $::Files
--- request eval
["GET /v", "GET /v"]
--- more_headers eval
["Authorization: Bearer $::Good", "Authorization: Bearer $::Guest"]
--- error_code eval
[200, 403]
--- response_body eval
["shown\n", "not you"]

=== TEST 13: a claim is that of its own profile's token, in whichever location it is read
--- http_config
token_profile p { format jwt; key file=key; issuer me; }
token_profile q { format jwt; key file=key; issuer you; from cookie=c; }
token_claim $p_sub p sub;
token_claim $q_sub q sub;
--- config
add_header X-Claims "$p_sub|$q_sub|$token_auth_profile|$token_auth_status" always;
location /p { token_auth p; alias html; }
location /q { token_auth q; alias html; }
location / { root html; }
--- user_files eval: $::Files
--- request eval
["GET /p/v", "GET /q/v", "GET /v", "GET /v", "GET /p/v", "GET /q/v"]
--- more_headers eval
["Authorization: Bearer $::Good\nCookie: c=$::Guest", "Authorization: Bearer $::Good\nCookie: c=$::Guest", "Authorization: Bearer $::Good\nCookie: c=$::Guest", "", "Authorization: Bearer $::Good", "Cookie: c=$::Guest"]
--- error_code eval
[200, 200, 200, 200, 200, 200]
--- response_headers eval
["X-Claims: user-1|user-2|p|ok", "X-Claims: user-1|user-2|q|ok", "X-Claims: user-1|user-2||", "X-Claims: |||", "X-Claims: user-1||p|ok", "X-Claims: |user-2|q|ok"]

=== TEST 14: of a token that is refused nothing is claimed, not even at the error page or in a dry run
--- http_config
token_profile p { format jwt; key file=key; issuer me; }
token_profile q { format jwt; key file=key; issuer you; }
token_claim $p_sub p sub;
token_claim $q_sub q sub;
--- config
add_header X-Claims "$p_sub|$q_sub|$token_auth_status" always;
location /p { token_auth p; alias html; }
location /page { token_auth p; error_page 401 403 /no; alias html; }
location /dry { token_auth p; token_auth_dry_run on; alias html; }
location /any { satisfy any; allow all; token_auth p; alias html; }
location = /no { internal; return 418; }
--- user_files eval: $::Files
--- request eval
["GET /p/v", "GET /p/v", "GET /p/v", "GET /page/v", "GET /page/v", "GET /dry/v", "GET /dry/v", "GET /any/v"]
--- more_headers eval
["Authorization: Bearer $::Late", "Authorization: Bearer $::Other", "Authorization: Bearer $::Guest", "Authorization: Bearer $::Late", "Authorization: Bearer $::Guest", "Authorization: Bearer $::Late", "Authorization: Bearer $::Guest", "Authorization: Bearer $::Other"]
--- error_code eval
[401, 401, 403, 418, 418, 200, 200, 200]
--- response_headers eval
["X-Claims: ||expired", "X-Claims: ||invalid", "X-Claims: |user-2|forbidden", "X-Claims: ||expired", "X-Claims: |user-2|forbidden", "X-Claims: ||expired", "X-Claims: |user-2|forbidden", "X-Claims: ||invalid"]

=== TEST 15: after a redirect the next location's profile decides, and each claim is still its own profile's
--- http_config
token_profile p { format jwt; key file=key; issuer me; }
token_profile q { format jwt; key file=key; issuer you; from cookie=c; }
token_claim $p_sub p sub;
token_claim $q_sub q sub;
--- config
add_header X-Claims "$p_sub|$q_sub|$token_auth_profile|$token_auth_status" always;
location /p { token_auth p; try_files /none /last-q/v; }
location /q { token_auth q; try_files /none /last-p/v; }
location /r { token_auth p; rewrite ^ /last-q/v last; }
location /last-p { token_auth p; alias html; }
location /last-q { token_auth q; alias html; }
--- user_files eval: $::Files
--- request eval
["GET /p", "GET /q", "GET /p", "GET /q", "GET /r", "GET /p"]
--- more_headers eval
["Authorization: Bearer $::Good\nCookie: c=$::Guest", "Authorization: Bearer $::Good\nCookie: c=$::Guest", "Authorization: Bearer $::Good", "Cookie: c=$::Guest", "Cookie: c=$::Guest", "Cookie: c=$::Guest"]
--- error_code eval
[200, 200, 401, 401, 200, 401]
--- response_headers eval
["X-Claims: user-1|user-2|q|ok", "X-Claims: user-1|user-2|p|ok", "X-Claims: user-1||q|missing", "X-Claims: |user-2|p|missing", "X-Claims: |user-2|q|ok", "X-Claims: |user-2|p|missing"]

=== TEST 16: an Authorization that is not the accepted token does not go on
--- http_config
token_profile p { format jwt; key file=key; from header cookie=s query=t; }
--- config
location / { token_auth p; proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/seen; }
location /dry { token_auth p; token_auth_dry_run on; proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/seen; }
location /seen { return 200 "$http_authorization"; }
--- user_files eval: $::Files
--- request eval
["GET /", "GET /", "GET /?t=$::Good", "GET /", "GET /dry"]
--- more_headers eval
["Authorization: Bearer $::Good\nCookie: s=$::Good", "authorization: bearer $::Other\nCookie: s=$::Good", "Authorization: Bearer x", "Authorization: Basic dTpw\nCookie: s=$::Good", "Authorization: Bearer $::Other\nCookie: s=$::Good"]
--- response_body eval
["Bearer $::Good", "", "", "Basic dTpw", "Bearer $::Other"]

=== TEST 17: the Authorization of a header token that was not accepted does not go on beside another header
--- http_config
token_profile p { format jwt; key file=key; from header=X-T header; }
--- config
location / { token_auth p; token_auth_strip off; proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/seen; }
location /seen { return 200 "$http_authorization"; }
--- user_files eval: $::Files
--- request eval
["GET /", "GET /", "GET /"]
--- more_headers eval
["X-T: $::Good\nAuthorization: Bearer $::Other", "X-T: $::Good\nAuthorization: Basic dTpw", "Authorization: Bearer $::Good"]
--- response_body eval
["", "Basic dTpw", "Bearer $::Good"]

=== TEST 18: a request that is turned down by its claims uses no cache for the page it gets
--- http_upstream: a, b
--- http_config eval
$::P . 'proxy_cache_path cache keys_zone=c:1m;
proxy_cache_key $host$request_uri;
proxy_cache_valid any 1m;
token_claim $role p role;
add_header X-Cache $upstream_cache_status always;'
--- config
proxy_cache c;
error_page 403 = @page;
location / { if ($role != admin) { return 403; } proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
location @page { proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_B; }
--- user_files eval: $::Files
--- request eval
["GET /v", "GET /v", "GET /v", "GET /v"]
--- more_headers eval
["", "Authorization: Bearer $::Good", "", "Authorization: Bearer $::Good"]
--- response_headers eval
["X-Cache: BYPASS\nX-Backend: b", "X-Cache: MISS\nX-Backend: a", "X-Cache: BYPASS\nX-Backend: b", "X-Cache: HIT\nX-Backend: a"]

=== TEST 19: a location may check preflights although its server lets them pass
--- http_config eval: $::P
--- config
token_auth p;
token_auth_preflight pass;
location / { return 204; }
location /checked { token_auth_preflight check; proxy_pass http://127.0.0.1:1; }
location /open { try_files /none =204; }
--- user_files eval: $::Files
--- request eval
["OPTIONS /checked", "OPTIONS /open"]
--- more_headers eval
["Origin: https://a.test\nAccess-Control-Request-Method: PUT", "Origin: https://a.test\nAccess-Control-Request-Method: PUT"]
--- error_code eval
[401, 204]
