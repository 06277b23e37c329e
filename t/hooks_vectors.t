# requires: hooks
#
# The vectors of t/data/token.json through nginx, at their own time: the clock of the hooks build
# stands still.
use Test::Nginx::Socket 'no_plan';

our $SS = "test_clock 1700000000; token_profile p { format scalesimple; key file=key; }\n";
our $SL = 'test_clock 1700000000;
token_profile p { format secure_link; key file=key; message "{expires}$uri$http_x_addr {key}"; require_exp on; }
';
our $Pass = 'token_auth p;
location / { proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }';

run_tests();

__DATA__

=== TEST 1: ScaleSimple in the query
--- http_upstream: a
--- http_config eval: $::SS
--- config eval: $::Pass
--- user_files
>>> ../conf/key
c2NhbGVzaW1wbGUtdGVzdC1rZXktMzItYnl0ZXMhISE=
--- request eval
['GET /index.html?ss_token=c36539a4cd0a9e9a3d081122a7389c2b&ss_expiration=1700000600',
 'GET /a/b.mp4?foo=bar&ss_token=226471d8a59579ea7bc1beb8a9136303&baz=1&ss_expiration=1700000600',
 'GET /index.html?ss_token=1ab2dd21c01286ddc19c319fb6f905a9&ss_expiration=1700000000',
 'GET /other.html?ss_token=c36539a4cd0a9e9a3d081122a7389c2b&ss_expiration=1700000600',
 'GET /index.html?x=1&ss_token=c36539a4cd0a9e9a3d081122a7389c2b&ss_expiration=1700000600',
 'GET /index.html?ss_token=88c51f6c2fa7f7c29582a80736dceaca&ss_expiration=1700000600',
 'GET /index.html?ss_expiration=1700000600',
 'GET /index.html?ss_token=C36539A4CD0A9E9A3D081122A7389C2B&ss_expiration=1700000600',
 'GET /index.html?ss_token=79fa58d81b739992f666b3d9b87e80bb&ss_expiration=1700000600abc']
--- error_code eval
[200, 200, 200, 403, 403, 403, 403, 403, 403]
--- response_body_like eval
[qr/^name=a\nGET \/index\.html HTTP/,
 qr/^name=a\nGET \/a\/b\.mp4\?foo=bar&baz=1 HTTP/,
 qr/^name=a\nGET \/index\.html HTTP/,
 qr/403 Forbidden/,
 qr/403 Forbidden/,
 qr/403 Forbidden/,
 qr/403 Forbidden/,
 qr/403 Forbidden/,
 qr/403 Forbidden/]
--- error_log
token refused

=== TEST 2: ScaleSimple in a header
--- http_upstream: a
--- http_config eval: $::SS
--- config eval: $::Pass
--- user_files
>>> ../conf/key
c2NhbGVzaW1wbGUtdGVzdC1rZXktMzItYnl0ZXMhISE=
--- request eval
['GET /live/ch1.m3u8?q=1',
 'GET /live/ch2.m3u8?q=1',
 'GET /live/ch1.m3u8?q=1']
--- more_headers eval
["X-SS-Token: 70d90f68ce1d898383f4a0fd9dcacf45\nX-SS-Expiration: 1700000600",
 "X-SS-Token: 70d90f68ce1d898383f4a0fd9dcacf45\nX-SS-Expiration: 1700000600",
 "X-SS-Token: 70d90f68ce1d898383f4a0fd9dcacf45"]
--- error_code eval
[200, 403, 403]
--- response_body_like eval
[qr/^name=a\nGET \/live\/ch1\.m3u8\?q=1 HTTP/,
 qr/403 Forbidden/,
 qr/403 Forbidden/]
--- error_log
token refused

=== TEST 3: ScaleSimple in a cookie
--- http_upstream: a
--- http_config eval: $::SS
--- config eval: $::Pass
--- user_files
>>> ../conf/key
c2NhbGVzaW1wbGUtdGVzdC1rZXktMzItYnl0ZXMhISE=
--- request eval
['GET /live/ch1.m3u8?q=1',
 'GET /live/ch2.m3u8?q=1',
 'GET /live/ch1.m3u8?q=1']
--- more_headers eval
["Cookie: ss_token=70d90f68ce1d898383f4a0fd9dcacf45; ss_expiration=1700000600",
 "Cookie: ss_token=70d90f68ce1d898383f4a0fd9dcacf45; ss_expiration=1700000600",
 "Cookie: ss_token=70d90f68ce1d898383f4a0fd9dcacf45"]
--- error_code eval
[200, 403, 403]
--- response_body_like eval
[qr/^name=a\nGET \/live\/ch1\.m3u8\?q=1 HTTP/,
 qr/403 Forbidden/,
 qr/403 Forbidden/]
--- error_log
token refused

=== TEST 4: ScaleSimple, a second too late
--- http_upstream: a
--- http_config eval: "test_clock 1700000601;" . "token_profile p { format scalesimple; key file=key; }"
--- config eval: $::Pass
--- user_files
>>> ../conf/key
c2NhbGVzaW1wbGUtdGVzdC1rZXktMzItYnl0ZXMhISE=
--- request eval
['GET /index.html?ss_token=c36539a4cd0a9e9a3d081122a7389c2b&ss_expiration=1700000600']
--- error_code eval
[403]
--- response_body_like eval
[qr/403 Forbidden/]
--- error_log
token refused: expired

=== TEST 5: secure_link
--- http_upstream: a
--- http_config eval: $::SL
--- config eval: $::Pass
--- user_files
>>> ../conf/key
secret
--- request eval
['GET /s/link?md5=_e4Nc3iduzkWRm01TBBNYw&expires=2147483647',
 'GET /a%20b.mp4?md5=xZJE3lztHC2vuwl5P6JyHw&expires=1700000060',
 'GET /s/link?md5=ABZeToThHGrQH4jzm5x3cw==&expires=1700000060',
 'GET /s/link?md5=BOkJ9cw3Qs_h0Naev6_low&expires=1700000060',
 'GET /s/link?md5=NwYqqwlJrDyqnfEsJarj_Q&expires=1700000060',
 'GET /s/link?md5=+/+/+/+/+/+/+/+/+/+/+/&expires=1700000060',
 'GET /s/link?md5=UT0cF0WE-1m7VsSex0Gqfg&expires=1700000060x']
--- more_headers eval
["X-Addr: 127.0.0.1",
 "X-Addr: 10.0.0.1",
 "X-Addr: 127.0.0.1",
 "X-Addr: 127.0.0.1",
 "X-Addr: 127.0.0.1",
 "X-Addr: 127.0.0.1",
 "X-Addr: 127.0.0.1"]
--- error_code eval
[200, 200, 200, 403, 403, 403, 403]
--- response_body_like eval
[qr/^name=a\nGET \/s\/link HTTP/,
 qr/^name=a\nGET \/a%20b\.mp4 HTTP/,
 qr/^name=a\nGET \/s\/link HTTP/,
 qr/403 Forbidden/,
 qr/403 Forbidden/,
 qr/403 Forbidden/,
 qr/403 Forbidden/]
--- error_log
token refused
