# requires: hooks
#
# The token vectors of t/data/token.json, each at its own time.
# Written by crates/token/tests/vectors_t.rs; do not edit.
use Test::Nginx::Socket 'no_plan';

no_long_string();
run_tests();

__DATA__

=== TEST 1: scalesimple, url-simple
--- http_upstream: a
--- http_config
test_clock 1700000000;
token_profile p { format scalesimple; key file=key; from query; }
--- config
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
c2NhbGVzaW1wbGUtdGVzdC1rZXktMzItYnl0ZXMhISE=
--- request eval
"GET /index.html?ss_token=c36539a4cd0a9e9a3d081122a7389c2b&ss_expiration=1700000600"
--- response_body eval
"name=a\nGET /index.html HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 2: scalesimple, url-with-args
--- http_upstream: a
--- http_config
test_clock 1700000000;
token_profile p { format scalesimple; key file=key; from query; }
--- config
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
c2NhbGVzaW1wbGUtdGVzdC1rZXktMzItYnl0ZXMhISE=
--- request eval
"GET /a/b.mp4?foo=bar&ss_token=226471d8a59579ea7bc1beb8a9136303&baz=1&ss_expiration=1700000600"
--- response_body eval
"name=a\nGET /a/b.mp4?foo=bar&baz=1 HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 3: scalesimple, url-exp-equals-now
--- http_upstream: a
--- http_config
test_clock 1700000000;
token_profile p { format scalesimple; key file=key; from query; }
--- config
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
c2NhbGVzaW1wbGUtdGVzdC1rZXktMzItYnl0ZXMhISE=
--- request eval
"GET /index.html?ss_token=1ab2dd21c01286ddc19c319fb6f905a9&ss_expiration=1700000000"
--- response_body eval
"name=a\nGET /index.html HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 4: scalesimple, url-tampered-path
--- http_upstream: a
--- http_config
test_clock 1700000000;
token_profile p { format scalesimple; key file=key; from query; }
--- config
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
c2NhbGVzaW1wbGUtdGVzdC1rZXktMzItYnl0ZXMhISE=
--- request eval
"GET /other.html?ss_token=c36539a4cd0a9e9a3d081122a7389c2b&ss_expiration=1700000600"
--- error_code: 403
--- error_log
token refused: 

=== TEST 5: scalesimple, url-extra-arg
--- http_upstream: a
--- http_config
test_clock 1700000000;
token_profile p { format scalesimple; key file=key; from query; }
--- config
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
c2NhbGVzaW1wbGUtdGVzdC1rZXktMzItYnl0ZXMhISE=
--- request eval
"GET /index.html?x=1&ss_token=c36539a4cd0a9e9a3d081122a7389c2b&ss_expiration=1700000600"
--- error_code: 403
--- error_log
token refused: 

=== TEST 6: scalesimple, url-doc-formula
--- http_upstream: a
--- http_config
test_clock 1700000000;
token_profile p { format scalesimple; key file=key; from query; }
--- config
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
c2NhbGVzaW1wbGUtdGVzdC1rZXktMzItYnl0ZXMhISE=
--- request eval
"GET /index.html?ss_token=88c51f6c2fa7f7c29582a80736dceaca&ss_expiration=1700000600"
--- error_code: 403
--- error_log
token refused: 

=== TEST 7: scalesimple, url-no-token
--- http_upstream: a
--- http_config
test_clock 1700000000;
token_profile p { format scalesimple; key file=key; from query; }
--- config
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
c2NhbGVzaW1wbGUtdGVzdC1rZXktMzItYnl0ZXMhISE=
--- request eval
"GET /index.html?ss_expiration=1700000600"
--- error_code: 403
--- error_log
token refused: 

=== TEST 8: scalesimple, url-uppercase-hex
--- http_upstream: a
--- http_config
test_clock 1700000000;
token_profile p { format scalesimple; key file=key; from query; }
--- config
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
c2NhbGVzaW1wbGUtdGVzdC1rZXktMzItYnl0ZXMhISE=
--- request eval
"GET /index.html?ss_token=C36539A4CD0A9E9A3D081122A7389C2B&ss_expiration=1700000600"
--- error_code: 403
--- error_log
token refused: 

=== TEST 9: scalesimple, url-exp-trailing-junk
--- http_upstream: a
--- http_config
test_clock 1700000000;
token_profile p { format scalesimple; key file=key; from query; }
--- config
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
c2NhbGVzaW1wbGUtdGVzdC1rZXktMzItYnl0ZXMhISE=
--- request eval
"GET /index.html?ss_token=79fa58d81b739992f666b3d9b87e80bb&ss_expiration=1700000600abc"
--- error_code: 403
--- error_log
token refused: 

=== TEST 10: scalesimple, header-ok
--- http_upstream: a
--- http_config
test_clock 1700000000;
token_profile p { format scalesimple; key file=key; from header; }
--- config
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
c2NhbGVzaW1wbGUtdGVzdC1rZXktMzItYnl0ZXMhISE=
--- request eval
"GET /live/ch1.m3u8?q=1"
--- more_headers
X-SS-Token: 70d90f68ce1d898383f4a0fd9dcacf45
X-SS-Expiration: 1700000600
--- response_body eval
"name=a\nGET /live/ch1.m3u8?q=1 HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 11: scalesimple, header-tampered-path
--- http_upstream: a
--- http_config
test_clock 1700000000;
token_profile p { format scalesimple; key file=key; from header; }
--- config
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
c2NhbGVzaW1wbGUtdGVzdC1rZXktMzItYnl0ZXMhISE=
--- request eval
"GET /live/ch2.m3u8?q=1"
--- more_headers
X-SS-Token: 70d90f68ce1d898383f4a0fd9dcacf45
X-SS-Expiration: 1700000600
--- error_code: 403
--- error_log
token refused: 

=== TEST 12: scalesimple, header-missing-expiration
--- http_upstream: a
--- http_config
test_clock 1700000000;
token_profile p { format scalesimple; key file=key; from header; }
--- config
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
c2NhbGVzaW1wbGUtdGVzdC1rZXktMzItYnl0ZXMhISE=
--- request eval
"GET /live/ch1.m3u8?q=1"
--- more_headers
X-SS-Token: 70d90f68ce1d898383f4a0fd9dcacf45
--- error_code: 403
--- error_log
token refused: 

=== TEST 13: scalesimple, cookie-ok
--- http_upstream: a
--- http_config
test_clock 1700000000;
token_profile p { format scalesimple; key file=key; from cookie; }
--- config
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
c2NhbGVzaW1wbGUtdGVzdC1rZXktMzItYnl0ZXMhISE=
--- request eval
"GET /live/ch1.m3u8?q=1"
--- more_headers
Cookie: ss_token=70d90f68ce1d898383f4a0fd9dcacf45; ss_expiration=1700000600
--- response_body eval
"name=a\nGET /live/ch1.m3u8?q=1 HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 14: scalesimple, cookie-tampered-path
--- http_upstream: a
--- http_config
test_clock 1700000000;
token_profile p { format scalesimple; key file=key; from cookie; }
--- config
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
c2NhbGVzaW1wbGUtdGVzdC1rZXktMzItYnl0ZXMhISE=
--- request eval
"GET /live/ch2.m3u8?q=1"
--- more_headers
Cookie: ss_token=70d90f68ce1d898383f4a0fd9dcacf45; ss_expiration=1700000600
--- error_code: 403
--- error_log
token refused: 

=== TEST 15: scalesimple, cookie-missing-expiration
--- http_upstream: a
--- http_config
test_clock 1700000000;
token_profile p { format scalesimple; key file=key; from cookie; }
--- config
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
c2NhbGVzaW1wbGUtdGVzdC1rZXktMzItYnl0ZXMhISE=
--- request eval
"GET /live/ch1.m3u8?q=1"
--- more_headers
Cookie: ss_token=70d90f68ce1d898383f4a0fd9dcacf45
--- error_code: 403
--- error_log
token refused: 

=== TEST 16: secure_link, doc-example
--- http_upstream: a
--- http_config
test_clock 1700000000;
token_profile p { format secure_link; key file=key; from query; message "{expires}$uri$remote_addr {key}"; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
secret
--- request eval
"GET /s/link?md5=_e4Nc3iduzkWRm01TBBNYw&expires=2147483647"
--- more_headers
X-Real-IP: 127.0.0.1
--- response_body eval
"name=a\nGET /s/link HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 17: secure_link, decoded-uri
--- http_upstream: a
--- http_config
test_clock 1700000000;
token_profile p { format secure_link; key file=key; from query; message "{expires}$uri$remote_addr {key}"; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
secret
--- request eval
"GET /a%20b.mp4?md5=xZJE3lztHC2vuwl5P6JyHw&expires=1700000060"
--- more_headers
X-Real-IP: 10.0.0.1
--- response_body eval
"name=a\nGET /a%20b.mp4 HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 18: secure_link, padded-token
--- http_upstream: a
--- http_config
test_clock 1700000000;
token_profile p { format secure_link; key file=key; from query; message "{expires}$uri$remote_addr {key}"; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
secret
--- request eval
"GET /s/link?md5=ABZeToThHGrQH4jzm5x3cw==&expires=1700000060"
--- more_headers
X-Real-IP: 127.0.0.1
--- response_body eval
"name=a\nGET /s/link HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 19: secure_link, wrong-ip
--- http_upstream: a
--- http_config
test_clock 1700000000;
token_profile p { format secure_link; key file=key; from query; message "{expires}$uri$remote_addr {key}"; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
secret
--- request eval
"GET /s/link?md5=BOkJ9cw3Qs_h0Naev6_low&expires=1700000060"
--- more_headers
X-Real-IP: 127.0.0.1
--- error_code: 403
--- error_log
token refused: 

=== TEST 20: secure_link, wrong-key
--- http_upstream: a
--- http_config
test_clock 1700000000;
token_profile p { format secure_link; key file=key; from query; message "{expires}$uri$remote_addr {key}"; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
secret
--- request eval
"GET /s/link?md5=NwYqqwlJrDyqnfEsJarj_Q&expires=1700000060"
--- more_headers
X-Real-IP: 127.0.0.1
--- error_code: 403
--- error_log
token refused: 

=== TEST 21: secure_link, malformed-b64
--- http_upstream: a
--- http_config
test_clock 1700000000;
token_profile p { format secure_link; key file=key; from query; message "{expires}$uri$remote_addr {key}"; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
secret
--- request eval
"GET /s/link?md5=+/+/+/+/+/+/+/+/+/+/+/&expires=1700000060"
--- more_headers
X-Real-IP: 127.0.0.1
--- error_code: 403
--- error_log
token refused: 

=== TEST 22: secure_link, expires-junk
--- http_upstream: a
--- http_config
test_clock 1700000000;
token_profile p { format secure_link; key file=key; from query; message "{expires}$uri$remote_addr {key}"; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
secret
--- request eval
"GET /s/link?md5=UT0cF0WE-1m7VsSex0Gqfg&expires=1700000060x"
--- more_headers
X-Real-IP: 127.0.0.1
--- error_code: 403
--- error_log
token refused: 

=== TEST 23: hmac, ok
--- http_upstream: a
--- http_config
test_clock 1700000000;
token_profile p { format hmac; key file=key; from query=st,ts,e; algorithm sha256; message "$uri|{timestamp}|{lifetime}"; }
--- config
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
my_secret_key
--- request eval
"GET /files/a.zip?st=LbFae22QOpL3pfl_GHryFdqD9UEeZQbQuCTzqjFmrdA&ts=1699999990&e=60"
--- response_body eval
"name=a\nGET /files/a.zip HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 24: hmac, expired
--- http_upstream: a
--- http_config
test_clock 1700000000;
token_profile p { format hmac; key file=key; from query=st,ts,e; algorithm sha256; message "$uri|{timestamp}|{lifetime}"; }
--- config
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
my_secret_key
--- request eval
"GET /f?st=gZG3E9wPDPL1hWCWEjUF5320vpgn5hktjAEBtAKiUSM&ts=1699999939&e=60"
--- error_code: 403
--- error_log
token refused: 

=== TEST 25: hmac, tampered
--- http_upstream: a
--- http_config
test_clock 1700000000;
token_profile p { format hmac; key file=key; from query=st,ts,e; algorithm sha256; message "$uri|{timestamp}|{lifetime}"; }
--- config
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
my_secret_key
--- request eval
"GET /g?st=eo9ctyuPxf67uD0diGJTnL87XL_3N_28fhnGUTvk-Ak&ts=1700000000&e=60"
--- error_code: 403
--- error_log
token refused: 

=== TEST 26: hmac, ok
--- http_upstream: a
--- http_config
test_clock 1700000000;
map $uri $folder { ~^(?<prefix>/[^/]+/) $prefix; }
token_profile p { format hmac; key file=key; from query=md5,e; algorithm md5; message "{key}:{expires}:$folder"; }
--- config
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
key
--- request eval
"GET /hls/1.ts?md5=aS_qG1vZdDclLYSs5oB3pg&e=1700000600"
--- response_body eval
"name=a\nGET /hls/1.ts HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 27: hmac, expired
--- http_upstream: a
--- http_config
test_clock 1700000000;
map $uri $folder { ~^(?<prefix>/[^/]+/) $prefix; }
token_profile p { format hmac; key file=key; from query=md5,e; algorithm md5; message "{key}:{expires}:$folder"; }
--- config
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
key
--- request eval
"GET /hls/1.ts?md5=U87h7AmB31T_KXMJQfd0uA&e=1699999999"
--- error_code: 403
--- error_log
token refused: 

=== TEST 28: hmac, ok
--- http_upstream: a
--- http_config
test_clock 1700000000;
map $uri $folder { ~^(?<prefix>/[^/]+/) $prefix; }
token_profile p { format hmac; key file=key; from query=token,expires; algorithm md5; message "$folder{key}{expires}"; }
--- config
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
key
--- request eval
"GET /hls/1.ts?token=HErtaGdDeJWpKxZEuw5RJw&expires=1700000600"
--- response_body eval
"name=a\nGET /hls/1.ts HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 29: hmac, tampered
--- http_upstream: a
--- http_config
test_clock 1700000000;
map $uri $folder { ~^(?<prefix>/[^/]+/) $prefix; }
token_profile p { format hmac; key file=key; from query=token,expires; algorithm md5; message "$folder{key}{expires}"; }
--- config
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
key
--- request eval
"GET /hlz/1.ts?token=HErtaGdDeJWpKxZEuw5RJw&expires=1700000600"
--- error_code: 403
--- error_log
token refused: 

=== TEST 30: edgeauth, acl-star
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /hls/movie/seg1.ts?__token__=exp=1700000300~acl=/hls/movie/*~hmac=57cb9e9783a7cd51219beea1ea112d6292a8fbaaa90e430972eebed24b44c899"
--- more_headers
X-Real-IP: 203.0.113.7
--- response_body eval
"name=a\nGET /hls/movie/seg1.ts HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 31: edgeauth, acl-star
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /hls/movie/seg1.ts"
--- more_headers
Cookie: __token__=exp=1700000300~acl=/hls/movie/*~hmac=57cb9e9783a7cd51219beea1ea112d6292a8fbaaa90e430972eebed24b44c899
X-Real-IP: 203.0.113.7
--- response_body eval
"name=a\nGET /hls/movie/seg1.ts HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 32: edgeauth, acl-star
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /hls/movie/seg1.ts"
--- more_headers
X-Token: exp=1700000300~acl=/hls/movie/*~hmac=57cb9e9783a7cd51219beea1ea112d6292a8fbaaa90e430972eebed24b44c899
X-Real-IP: 203.0.113.7
--- response_body eval
"name=a\nGET /hls/movie/seg1.ts HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 33: edgeauth, acl-question
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /a/x1.ts?__token__=exp=1700000300~acl=/a/x?.ts~hmac=4becd9f0f28386009c15877e6980109f1b4ed2446d718c1c91c8f0125b4f030e"
--- more_headers
X-Real-IP: 203.0.113.7
--- response_body eval
"name=a\nGET /a/x1.ts HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 34: edgeauth, acl-question
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /a/x1.ts"
--- more_headers
Cookie: __token__=exp=1700000300~acl=/a/x?.ts~hmac=4becd9f0f28386009c15877e6980109f1b4ed2446d718c1c91c8f0125b4f030e
X-Real-IP: 203.0.113.7
--- response_body eval
"name=a\nGET /a/x1.ts HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 35: edgeauth, acl-question
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /a/x1.ts"
--- more_headers
X-Token: exp=1700000300~acl=/a/x?.ts~hmac=4becd9f0f28386009c15877e6980109f1b4ed2446d718c1c91c8f0125b4f030e
X-Real-IP: 203.0.113.7
--- response_body eval
"name=a\nGET /a/x1.ts HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 36: edgeauth, all-fields
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /hls/a.ts?__token__=ip=203.0.113.7~st=1699999990~exp=1700000300~acl=/hls/*~id=sess1~data=user=42~hmac=a7ca50a388f2eeb6f7784351f60039cd225d9c7cae95a893b671947d119d2757"
--- more_headers
X-Real-IP: 203.0.113.7
--- response_body eval
"name=a\nGET /hls/a.ts HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 37: edgeauth, all-fields
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /hls/a.ts"
--- more_headers
Cookie: __token__=ip=203.0.113.7~st=1699999990~exp=1700000300~acl=/hls/*~id=sess1~data=user=42~hmac=a7ca50a388f2eeb6f7784351f60039cd225d9c7cae95a893b671947d119d2757
X-Real-IP: 203.0.113.7
--- response_body eval
"name=a\nGET /hls/a.ts HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 38: edgeauth, all-fields
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /hls/a.ts"
--- more_headers
X-Token: ip=203.0.113.7~st=1699999990~exp=1700000300~acl=/hls/*~id=sess1~data=user=42~hmac=a7ca50a388f2eeb6f7784351f60039cd225d9c7cae95a893b671947d119d2757
X-Real-IP: 203.0.113.7
--- response_body eval
"name=a\nGET /hls/a.ts HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 39: edgeauth, ipv6-textual-variant
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /x?__token__=ip=2001:0DB8::0001~exp=1700000300~acl=/*~hmac=e2ab79c0a497267563ef80147eb1c3e504ccf9fb75c22be6d7b6130b2e2829d6"
--- more_headers
X-Real-IP: 2001:db8::1
--- response_body eval
"name=a\nGET /x HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 40: edgeauth, ipv6-textual-variant
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /x"
--- more_headers
Cookie: __token__=ip=2001:0DB8::0001~exp=1700000300~acl=/*~hmac=e2ab79c0a497267563ef80147eb1c3e504ccf9fb75c22be6d7b6130b2e2829d6
X-Real-IP: 2001:db8::1
--- response_body eval
"name=a\nGET /x HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 41: edgeauth, ipv6-textual-variant
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /x"
--- more_headers
X-Token: ip=2001:0DB8::0001~exp=1700000300~acl=/*~hmac=e2ab79c0a497267563ef80147eb1c3e504ccf9fb75c22be6d7b6130b2e2829d6
X-Real-IP: 2001:db8::1
--- response_body eval
"name=a\nGET /x HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 42: edgeauth, salt-missing
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /x?__token__=exp=1700000300~hmac=6141543e866f42446a3c590ef7402b0f43cff5d82761a0bbcdc34f4028a74f1d"
--- more_headers
X-Real-IP: 203.0.113.7
--- error_code: 403
--- error_log
token refused: 

=== TEST 43: edgeauth, salt-missing
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /x"
--- more_headers
Cookie: __token__=exp=1700000300~hmac=6141543e866f42446a3c590ef7402b0f43cff5d82761a0bbcdc34f4028a74f1d
X-Real-IP: 203.0.113.7
--- error_code: 403
--- error_log
token refused: 

=== TEST 44: edgeauth, salt-missing
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /x"
--- more_headers
X-Token: exp=1700000300~hmac=6141543e866f42446a3c590ef7402b0f43cff5d82761a0bbcdc34f4028a74f1d
X-Real-IP: 203.0.113.7
--- error_code: 403
--- error_log
token refused: 

=== TEST 45: edgeauth, md5
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; algorithm md5; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /x?__token__=exp=1700000300~acl=/*~hmac=cef66a2d63e8e313ae17b92f578eac8c"
--- more_headers
X-Real-IP: 203.0.113.7
--- response_body eval
"name=a\nGET /x HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 46: edgeauth, md5
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; algorithm md5; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /x"
--- more_headers
Cookie: __token__=exp=1700000300~acl=/*~hmac=cef66a2d63e8e313ae17b92f578eac8c
X-Real-IP: 203.0.113.7
--- response_body eval
"name=a\nGET /x HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 47: edgeauth, md5
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; algorithm md5; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /x"
--- more_headers
X-Token: exp=1700000300~acl=/*~hmac=cef66a2d63e8e313ae17b92f578eac8c
X-Real-IP: 203.0.113.7
--- response_body eval
"name=a\nGET /x HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 48: edgeauth, escape-early-url
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; escape_early on; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /a%20b/%C3%A9?__token__=exp=1700000300~hmac=2a2186b74647c0d6d2ec159f9383d9ab792db0c49561e945504c8a315c60357c"
--- more_headers
X-Real-IP: 203.0.113.7
--- response_body eval
"name=a\nGET /a%20b/%C3%A9 HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 49: edgeauth, escape-early-url
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; escape_early on; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /a%20b/%C3%A9"
--- more_headers
Cookie: __token__=exp=1700000300~hmac=2a2186b74647c0d6d2ec159f9383d9ab792db0c49561e945504c8a315c60357c
X-Real-IP: 203.0.113.7
--- response_body eval
"name=a\nGET /a%20b/%C3%A9 HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 50: edgeauth, escape-early-url
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; escape_early on; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /a%20b/%C3%A9"
--- more_headers
X-Token: exp=1700000300~hmac=2a2186b74647c0d6d2ec159f9383d9ab792db0c49561e945504c8a315c60357c
X-Real-IP: 203.0.113.7
--- response_body eval
"name=a\nGET /a%20b/%C3%A9 HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 51: edgeauth, expired-within-skew
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; leeway 10s; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /x?__token__=exp=1699999995~acl=/*~hmac=f907a2c6c96dbac00208ab0effeec858845df2f9f0027ebc26091a4122d8e3f0"
--- more_headers
X-Real-IP: 203.0.113.7
--- response_body eval
"name=a\nGET /x HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 52: edgeauth, expired-within-skew
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; leeway 10s; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /x"
--- more_headers
Cookie: __token__=exp=1699999995~acl=/*~hmac=f907a2c6c96dbac00208ab0effeec858845df2f9f0027ebc26091a4122d8e3f0
X-Real-IP: 203.0.113.7
--- response_body eval
"name=a\nGET /x HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 53: edgeauth, expired-within-skew
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; leeway 10s; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /x"
--- more_headers
X-Token: exp=1699999995~acl=/*~hmac=f907a2c6c96dbac00208ab0effeec858845df2f9f0027ebc26091a4122d8e3f0
X-Real-IP: 203.0.113.7
--- response_body eval
"name=a\nGET /x HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 54: edgeauth, wrong-key
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /x?__token__=exp=1700000300~acl=/*~hmac=00d4f5607ba907c6ce343d16225add4790f36ec3f6ca8e8979d6ef73be5c2025"
--- more_headers
X-Real-IP: 203.0.113.7
--- error_code: 403
--- error_log
token refused: 

=== TEST 55: edgeauth, wrong-key
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /x"
--- more_headers
Cookie: __token__=exp=1700000300~acl=/*~hmac=00d4f5607ba907c6ce343d16225add4790f36ec3f6ca8e8979d6ef73be5c2025
X-Real-IP: 203.0.113.7
--- error_code: 403
--- error_log
token refused: 

=== TEST 56: edgeauth, wrong-key
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /x"
--- more_headers
X-Token: exp=1700000300~acl=/*~hmac=00d4f5607ba907c6ce343d16225add4790f36ec3f6ca8e8979d6ef73be5c2025
X-Real-IP: 203.0.113.7
--- error_code: 403
--- error_log
token refused: 

=== TEST 57: edgeauth, tampered-acl
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /paid/x?__token__=exp=1700000300~acl=/*~hmac=da7fec75f8ea272929f85ea77862b5dbc85d05806edb1fd39952342215570ba3"
--- more_headers
X-Real-IP: 203.0.113.7
--- error_code: 403
--- error_log
token refused: 

=== TEST 58: edgeauth, tampered-acl
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /paid/x"
--- more_headers
Cookie: __token__=exp=1700000300~acl=/*~hmac=da7fec75f8ea272929f85ea77862b5dbc85d05806edb1fd39952342215570ba3
X-Real-IP: 203.0.113.7
--- error_code: 403
--- error_log
token refused: 

=== TEST 59: edgeauth, tampered-acl
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /paid/x"
--- more_headers
X-Token: exp=1700000300~acl=/*~hmac=da7fec75f8ea272929f85ea77862b5dbc85d05806edb1fd39952342215570ba3
X-Real-IP: 203.0.113.7
--- error_code: 403
--- error_log
token refused: 

=== TEST 60: edgeauth, acl-dotdot
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /free/%2e%2e/paid/x?__token__=exp=1700000300~acl=/free/*~hmac=da7fec75f8ea272929f85ea77862b5dbc85d05806edb1fd39952342215570ba3"
--- more_headers
X-Real-IP: 203.0.113.7
--- error_code: 403
--- error_log
token refused: 

=== TEST 61: edgeauth, acl-dotdot
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /free/%2e%2e/paid/x"
--- more_headers
Cookie: __token__=exp=1700000300~acl=/free/*~hmac=da7fec75f8ea272929f85ea77862b5dbc85d05806edb1fd39952342215570ba3
X-Real-IP: 203.0.113.7
--- error_code: 403
--- error_log
token refused: 

=== TEST 62: edgeauth, acl-dotdot
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /free/%2e%2e/paid/x"
--- more_headers
X-Token: exp=1700000300~acl=/free/*~hmac=da7fec75f8ea272929f85ea77862b5dbc85d05806edb1fd39952342215570ba3
X-Real-IP: 203.0.113.7
--- error_code: 403
--- error_log
token refused: 

=== TEST 63: edgeauth, no-exp
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /x?__token__=st=1699999995~acl=/*~hmac=827e6ad953148f0a322b96d6707d4f468033f9f9f6c460b1fbfec011c83f5c58"
--- more_headers
X-Real-IP: 203.0.113.7
--- error_code: 403
--- error_log
token refused: 

=== TEST 64: edgeauth, no-exp
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /x"
--- more_headers
Cookie: __token__=st=1699999995~acl=/*~hmac=827e6ad953148f0a322b96d6707d4f468033f9f9f6c460b1fbfec011c83f5c58
X-Real-IP: 203.0.113.7
--- error_code: 403
--- error_log
token refused: 

=== TEST 65: edgeauth, no-exp
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /x"
--- more_headers
X-Token: st=1699999995~acl=/*~hmac=827e6ad953148f0a322b96d6707d4f468033f9f9f6c460b1fbfec011c83f5c58
X-Real-IP: 203.0.113.7
--- error_code: 403
--- error_log
token refused: 

=== TEST 66: edgeauth, duplicate-exp
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /x?__token__=exp=1699999700~exp=1700000300~acl=/*~hmac=5a1bfe55f73892c9836fa898fc81123b08a94b230e6b949596ab041ddc3f5d3d"
--- more_headers
X-Real-IP: 203.0.113.7
--- error_code: 403
--- error_log
token refused: 

=== TEST 67: edgeauth, duplicate-exp
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /x"
--- more_headers
Cookie: __token__=exp=1699999700~exp=1700000300~acl=/*~hmac=5a1bfe55f73892c9836fa898fc81123b08a94b230e6b949596ab041ddc3f5d3d
X-Real-IP: 203.0.113.7
--- error_code: 403
--- error_log
token refused: 

=== TEST 68: edgeauth, duplicate-exp
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /x"
--- more_headers
X-Token: exp=1699999700~exp=1700000300~acl=/*~hmac=5a1bfe55f73892c9836fa898fc81123b08a94b230e6b949596ab041ddc3f5d3d
X-Real-IP: 203.0.113.7
--- error_code: 403
--- error_log
token refused: 

=== TEST 69: edgeauth, malformed
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /x?__token__=garbage"
--- more_headers
X-Real-IP: 203.0.113.7
--- error_code: 403
--- error_log
token refused: 

=== TEST 70: edgeauth, malformed
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /x"
--- more_headers
Cookie: __token__=garbage
X-Real-IP: 203.0.113.7
--- error_code: 403
--- error_log
token refused: 

=== TEST 71: edgeauth, malformed
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /x"
--- more_headers
X-Token: garbage
X-Real-IP: 203.0.113.7
--- error_code: 403
--- error_log
token refused: 

=== TEST 72: edgeauth, overlong
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /x?__token__=data=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA~exp=1~hmac=0000000000000000000000000000000000000000000000000000000000000000"
--- more_headers
X-Real-IP: 203.0.113.7
--- error_code: 403
--- error_log
token refused: 

=== TEST 73: edgeauth, overlong
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /x"
--- more_headers
Cookie: __token__=data=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA~exp=1~hmac=0000000000000000000000000000000000000000000000000000000000000000
X-Real-IP: 203.0.113.7
--- error_code: 403
--- error_log
token refused: 

=== TEST 74: edgeauth, overlong
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format edgeauth; key file=key; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
52a152a152a152a152a152a152a1
--- request eval
"GET /x"
--- more_headers
X-Token: data=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA~exp=1~hmac=0000000000000000000000000000000000000000000000000000000000000000
X-Real-IP: 203.0.113.7
--- error_code: 403
--- error_log
token refused: 

=== TEST 75: cloudflare, ok
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudflare; key file=key; lifetime 10800s; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecrettoken
--- request eval
"GET /images/cat.jpg?verify=1699999940-MJ2N2N1zevqGftVxNkn6cvGLnDNLfWFDsK9hE8guiJ8%3D"
--- response_body eval
"name=a\nGET /images/cat.jpg HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 76: cloudflare, ok
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudflare; key file=key; lifetime 10800s; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecrettoken
--- request eval
"GET /images/cat.jpg"
--- more_headers
Cookie: verify=1699999940-MJ2N2N1zevqGftVxNkn6cvGLnDNLfWFDsK9hE8guiJ8%3D
--- response_body eval
"name=a\nGET /images/cat.jpg HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 77: cloudflare, ok
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudflare; key file=key; lifetime 10800s; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecrettoken
--- request eval
"GET /images/cat.jpg"
--- more_headers
X-Token: 1699999940-MJ2N2N1zevqGftVxNkn6cvGLnDNLfWFDsK9hE8guiJ8%3D
--- response_body eval
"name=a\nGET /images/cat.jpg HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 78: cloudflare, ok-with-query
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudflare; key file=key; lifetime 10800s; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecrettoken
--- request eval
"GET /images/cat.jpg?w=1&verify=1699999940-b4b6F5nEyIkp1oB0crZn1agUyh2wBnrdTSPbP8%2FVoC4%3D"
--- response_body eval
"name=a\nGET /images/cat.jpg?w=1 HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 79: cloudflare, ok-with-query
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudflare; key file=key; lifetime 10800s; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecrettoken
--- request eval
"GET /images/cat.jpg?w=1"
--- more_headers
Cookie: verify=1699999940-b4b6F5nEyIkp1oB0crZn1agUyh2wBnrdTSPbP8%2FVoC4%3D
--- response_body eval
"name=a\nGET /images/cat.jpg?w=1 HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 80: cloudflare, ok-with-query
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudflare; key file=key; lifetime 10800s; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecrettoken
--- request eval
"GET /images/cat.jpg?w=1"
--- more_headers
X-Token: 1699999940-b4b6F5nEyIkp1oB0crZn1agUyh2wBnrdTSPbP8%2FVoC4%3D
--- response_body eval
"name=a\nGET /images/cat.jpg?w=1 HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 81: cloudflare, expired
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudflare; key file=key; lifetime 10800s; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecrettoken
--- request eval
"GET /images/cat.jpg?verify=1699989200-8W591%2FTX817bNeOwzKvd5%2Bbcfp2hqu53jA4dygdSjX0%3D"
--- error_code: 403
--- error_log
token refused: 

=== TEST 82: cloudflare, expired
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudflare; key file=key; lifetime 10800s; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecrettoken
--- request eval
"GET /images/cat.jpg"
--- more_headers
Cookie: verify=1699989200-8W591%2FTX817bNeOwzKvd5%2Bbcfp2hqu53jA4dygdSjX0%3D
--- error_code: 403
--- error_log
token refused: 

=== TEST 83: cloudflare, expired
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudflare; key file=key; lifetime 10800s; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecrettoken
--- request eval
"GET /images/cat.jpg"
--- more_headers
X-Token: 1699989200-8W591%2FTX817bNeOwzKvd5%2Bbcfp2hqu53jA4dygdSjX0%3D
--- error_code: 403
--- error_log
token refused: 

=== TEST 84: cloudflare, wrong-key
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudflare; key file=key; lifetime 10800s; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecrettoken
--- request eval
"GET /images/cat.jpg?verify=1699999940-o7Faz%2F4wZpTAlLsBRHL%2F1i2qIW5uPEORmQm38F3ME2o%3D"
--- error_code: 403
--- error_log
token refused: 

=== TEST 85: cloudflare, wrong-key
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudflare; key file=key; lifetime 10800s; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecrettoken
--- request eval
"GET /images/cat.jpg"
--- more_headers
Cookie: verify=1699999940-o7Faz%2F4wZpTAlLsBRHL%2F1i2qIW5uPEORmQm38F3ME2o%3D
--- error_code: 403
--- error_log
token refused: 

=== TEST 86: cloudflare, wrong-key
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudflare; key file=key; lifetime 10800s; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecrettoken
--- request eval
"GET /images/cat.jpg"
--- more_headers
X-Token: 1699999940-o7Faz%2F4wZpTAlLsBRHL%2F1i2qIW5uPEORmQm38F3ME2o%3D
--- error_code: 403
--- error_log
token refused: 

=== TEST 87: cloudflare, tampered-ts
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudflare; key file=key; lifetime 10800s; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecrettoken
--- request eval
"GET /images/cat.jpg?verify=1699999999-a9GGLowV4ZQtBNi0oIc6%2BLfbSJYIUcx7P%2BPONRC2DqY%3D"
--- error_code: 403
--- error_log
token refused: 

=== TEST 88: cloudflare, tampered-ts
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudflare; key file=key; lifetime 10800s; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecrettoken
--- request eval
"GET /images/cat.jpg"
--- more_headers
Cookie: verify=1699999999-a9GGLowV4ZQtBNi0oIc6%2BLfbSJYIUcx7P%2BPONRC2DqY%3D
--- error_code: 403
--- error_log
token refused: 

=== TEST 89: cloudflare, tampered-ts
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudflare; key file=key; lifetime 10800s; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecrettoken
--- request eval
"GET /images/cat.jpg"
--- more_headers
X-Token: 1699999999-a9GGLowV4ZQtBNi0oIc6%2BLfbSJYIUcx7P%2BPONRC2DqY%3D
--- error_code: 403
--- error_log
token refused: 

=== TEST 90: cloudflare, std-b64-not-urlencoded
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudflare; key file=key; lifetime 10800s; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecrettoken
--- request eval
"GET /images/cat.jpg?verify=1699999940-MJ2N2N1zevqGftVxNkn6cvGLnDNLfWFDsK9hE8guiJ8="
--- response_body eval
"name=a\nGET /images/cat.jpg HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 91: cloudflare, std-b64-not-urlencoded
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudflare; key file=key; lifetime 10800s; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecrettoken
--- request eval
"GET /images/cat.jpg"
--- more_headers
Cookie: verify=1699999940-MJ2N2N1zevqGftVxNkn6cvGLnDNLfWFDsK9hE8guiJ8=
--- response_body eval
"name=a\nGET /images/cat.jpg HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 92: cloudflare, std-b64-not-urlencoded
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudflare; key file=key; lifetime 10800s; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecrettoken
--- request eval
"GET /images/cat.jpg"
--- more_headers
X-Token: 1699999940-MJ2N2N1zevqGftVxNkn6cvGLnDNLfWFDsK9hE8guiJ8=
--- response_body eval
"name=a\nGET /images/cat.jpg HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 93: cloudflare, overlong
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudflare; key file=key; lifetime 10800s; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecrettoken
--- request eval
"GET /images/cat.jpg?verify=1699999940-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
--- error_code: 403
--- error_log
token refused: 

=== TEST 94: cloudflare, overlong
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudflare; key file=key; lifetime 10800s; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecrettoken
--- request eval
"GET /images/cat.jpg"
--- more_headers
Cookie: verify=1699999940-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
--- error_code: 403
--- error_log
token refused: 

=== TEST 95: cloudflare, overlong
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudflare; key file=key; lifetime 10800s; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecrettoken
--- request eval
"GET /images/cat.jpg"
--- more_headers
X-Token: 1699999940-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
--- error_code: 403
--- error_log
token refused: 

=== TEST 96: fastly, ok
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format fastly; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
iqFPeN2u+Z0Lm5IrsKaOFKRqEU5Gw8ePtaEkHZWuD24=
--- request eval
"GET /foo/bar.html?token=1700000060_0d3fb88aac22e8f86d583133c98145cbe0eab6a9"
--- response_body eval
"name=a\nGET /foo/bar.html HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 97: fastly, ok
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format fastly; key file=key; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
iqFPeN2u+Z0Lm5IrsKaOFKRqEU5Gw8ePtaEkHZWuD24=
--- request eval
"GET /foo/bar.html"
--- more_headers
Cookie: token=1700000060_0d3fb88aac22e8f86d583133c98145cbe0eab6a9
--- response_body eval
"name=a\nGET /foo/bar.html HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 98: fastly, ok
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format fastly; key file=key; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
iqFPeN2u+Z0Lm5IrsKaOFKRqEU5Gw8ePtaEkHZWuD24=
--- request eval
"GET /foo/bar.html"
--- more_headers
X-Token: 1700000060_0d3fb88aac22e8f86d583133c98145cbe0eab6a9
--- response_body eval
"name=a\nGET /foo/bar.html HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 99: fastly, ok
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format fastly; key file=key; from path; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
iqFPeN2u+Z0Lm5IrsKaOFKRqEU5Gw8ePtaEkHZWuD24=
--- request eval
"GET /1700000060_0d3fb88aac22e8f86d583133c98145cbe0eab6a9/foo/bar.html"
--- response_body eval
"name=a\nGET /foo/bar.html HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 100: fastly, exp-equals-now
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format fastly; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
iqFPeN2u+Z0Lm5IrsKaOFKRqEU5Gw8ePtaEkHZWuD24=
--- request eval
"GET /foo?token=1700000000_d8d69eb1ab5f179cf5c4417b7fdf4815904057bd"
--- response_body eval
"name=a\nGET /foo HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 101: fastly, exp-equals-now
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format fastly; key file=key; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
iqFPeN2u+Z0Lm5IrsKaOFKRqEU5Gw8ePtaEkHZWuD24=
--- request eval
"GET /foo"
--- more_headers
Cookie: token=1700000000_d8d69eb1ab5f179cf5c4417b7fdf4815904057bd
--- response_body eval
"name=a\nGET /foo HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 102: fastly, exp-equals-now
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format fastly; key file=key; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
iqFPeN2u+Z0Lm5IrsKaOFKRqEU5Gw8ePtaEkHZWuD24=
--- request eval
"GET /foo"
--- more_headers
X-Token: 1700000000_d8d69eb1ab5f179cf5c4417b7fdf4815904057bd
--- response_body eval
"name=a\nGET /foo HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 103: fastly, exp-equals-now
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format fastly; key file=key; from path; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
iqFPeN2u+Z0Lm5IrsKaOFKRqEU5Gw8ePtaEkHZWuD24=
--- request eval
"GET /1700000000_d8d69eb1ab5f179cf5c4417b7fdf4815904057bd/foo"
--- response_body eval
"name=a\nGET /foo HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 104: fastly, wrong-key
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format fastly; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
iqFPeN2u+Z0Lm5IrsKaOFKRqEU5Gw8ePtaEkHZWuD24=
--- request eval
"GET /foo?token=1700000060_152970f4647ef76a3f7aa44899349d0b2f218d89"
--- error_code: 403
--- error_log
token refused: 

=== TEST 105: fastly, wrong-key
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format fastly; key file=key; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
iqFPeN2u+Z0Lm5IrsKaOFKRqEU5Gw8ePtaEkHZWuD24=
--- request eval
"GET /foo"
--- more_headers
Cookie: token=1700000060_152970f4647ef76a3f7aa44899349d0b2f218d89
--- error_code: 403
--- error_log
token refused: 

=== TEST 106: fastly, wrong-key
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format fastly; key file=key; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
iqFPeN2u+Z0Lm5IrsKaOFKRqEU5Gw8ePtaEkHZWuD24=
--- request eval
"GET /foo"
--- more_headers
X-Token: 1700000060_152970f4647ef76a3f7aa44899349d0b2f218d89
--- error_code: 403
--- error_log
token refused: 

=== TEST 107: fastly, wrong-key
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format fastly; key file=key; from path; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
iqFPeN2u+Z0Lm5IrsKaOFKRqEU5Gw8ePtaEkHZWuD24=
--- request eval
"GET /1700000060_152970f4647ef76a3f7aa44899349d0b2f218d89/foo"
--- error_code: 403
--- error_log
token refused: 

=== TEST 108: fastly, uppercase
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format fastly; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
iqFPeN2u+Z0Lm5IrsKaOFKRqEU5Gw8ePtaEkHZWuD24=
--- request eval
"GET /foo?token=1700000060_38D9A2F52D8AD5AB988C5F761FA86FC8D65D5D01"
--- error_code: 403
--- error_log
token refused: 

=== TEST 109: fastly, uppercase
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format fastly; key file=key; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
iqFPeN2u+Z0Lm5IrsKaOFKRqEU5Gw8ePtaEkHZWuD24=
--- request eval
"GET /foo"
--- more_headers
Cookie: token=1700000060_38D9A2F52D8AD5AB988C5F761FA86FC8D65D5D01
--- error_code: 403
--- error_log
token refused: 

=== TEST 110: fastly, uppercase
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format fastly; key file=key; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
iqFPeN2u+Z0Lm5IrsKaOFKRqEU5Gw8ePtaEkHZWuD24=
--- request eval
"GET /foo"
--- more_headers
X-Token: 1700000060_38D9A2F52D8AD5AB988C5F761FA86FC8D65D5D01
--- error_code: 403
--- error_log
token refused: 

=== TEST 111: fastly, overlong
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format fastly; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
iqFPeN2u+Z0Lm5IrsKaOFKRqEU5Gw8ePtaEkHZWuD24=
--- request eval
"GET /foo?token=1700000060_38d9a2f52d8ad5ab988c5f761fa86fc8d65d5d0100"
--- error_code: 403
--- error_log
token refused: 

=== TEST 112: fastly, overlong
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format fastly; key file=key; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
iqFPeN2u+Z0Lm5IrsKaOFKRqEU5Gw8ePtaEkHZWuD24=
--- request eval
"GET /foo"
--- more_headers
Cookie: token=1700000060_38d9a2f52d8ad5ab988c5f761fa86fc8d65d5d0100
--- error_code: 403
--- error_log
token refused: 

=== TEST 113: fastly, overlong
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format fastly; key file=key; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
iqFPeN2u+Z0Lm5IrsKaOFKRqEU5Gw8ePtaEkHZWuD24=
--- request eval
"GET /foo"
--- more_headers
X-Token: 1700000060_38d9a2f52d8ad5ab988c5f761fa86fc8d65d5d0100
--- error_code: 403
--- error_log
token refused: 

=== TEST 114: bunny, ok
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format bunny; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
SecurityKey
--- request eval
"GET /300kb.jpg?token=HS256-ma3DcYcA-TO9PUiS8j36h094tJtjMjtFDDVkLmcSd6g&expires=1700000600"
--- more_headers
X-Real-IP: 1.2.3.4
--- response_body eval
"name=a\nGET /300kb.jpg HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 115: bunny, ok
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format bunny; key file=key; from path; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
SecurityKey
--- request eval
"GET /bcdn_token=HS256-ma3DcYcA-TO9PUiS8j36h094tJtjMjtFDDVkLmcSd6g&expires=1700000600/300kb.jpg"
--- more_headers
X-Real-IP: 1.2.3.4
--- response_body eval
"name=a\nGET /300kb.jpg HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 116: bunny, ok-ipv4
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format bunny; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
SecurityKey
--- request eval
"GET /a?token=HS256-1-aFQJR_Kfwl-zmGljlxyFXKj6d1iJ83bI266O8eWnBmg&expires=1700000600"
--- more_headers
X-Real-IP: 1.2.3.4
--- response_body eval
"name=a\nGET /a HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 117: bunny, ok-ipv4
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format bunny; key file=key; from path; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
SecurityKey
--- request eval
"GET /bcdn_token=HS256-1-aFQJR_Kfwl-zmGljlxyFXKj6d1iJ83bI266O8eWnBmg&expires=1700000600/a"
--- more_headers
X-Real-IP: 1.2.3.4
--- response_body eval
"name=a\nGET /a HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 118: bunny, ok-countries
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format bunny; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
SecurityKey
--- request eval
"GET /a?token=HS256-A6ztfq1LsiDyNfzHg532uf47feJTZgoeJ4IS9UFmmXk&token_countries=CA%2CUS&expires=1700000600"
--- more_headers
X-Real-IP: 1.2.3.4
--- response_body eval
"name=a\nGET /a HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 119: bunny, ok-countries
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format bunny; key file=key; from path; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
SecurityKey
--- request eval
"GET /bcdn_token=HS256-A6ztfq1LsiDyNfzHg532uf47feJTZgoeJ4IS9UFmmXk&token_countries=CA%2CUS&expires=1700000600/a"
--- more_headers
X-Real-IP: 1.2.3.4
--- response_body eval
"name=a\nGET /a HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 120: bunny, ip-flag-stripped
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format bunny; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
SecurityKey
--- request eval
"GET /a?token=HS256-aFQJR_Kfwl-zmGljlxyFXKj6d1iJ83bI266O8eWnBmg&expires=1700000600"
--- more_headers
X-Real-IP: 1.2.3.4
--- error_code: 403
--- error_log
token refused: 

=== TEST 121: bunny, ip-flag-stripped
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format bunny; key file=key; from path; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
SecurityKey
--- request eval
"GET /bcdn_token=HS256-aFQJR_Kfwl-zmGljlxyFXKj6d1iJ83bI266O8eWnBmg&expires=1700000600/a"
--- more_headers
X-Real-IP: 1.2.3.4
--- error_code: 403
--- error_log
token refused: 

=== TEST 122: bunny, param-added
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format bunny; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
SecurityKey
--- request eval
"GET /a?token=HS256-7As1nvbTZ5HRFK8PIEOKYQdkgD0zHU3gGoFOzSL2axE&limit=0&expires=1700000600"
--- more_headers
X-Real-IP: 1.2.3.4
--- error_code: 403
--- error_log
token refused: 

=== TEST 123: bunny, param-added
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format bunny; key file=key; from path; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
SecurityKey
--- request eval
"GET /bcdn_token=HS256-7As1nvbTZ5HRFK8PIEOKYQdkgD0zHU3gGoFOzSL2axE&limit=0&expires=1700000600/a"
--- more_headers
X-Real-IP: 1.2.3.4
--- error_code: 403
--- error_log
token refused: 

=== TEST 124: bunny, wrong-key
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format bunny; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
SecurityKey
--- request eval
"GET /a?token=HS256-kkl5rqxUnBelyaUTTvIJCN3Y6qREFJ9mQGbC9SG-7a0&expires=1700000600"
--- more_headers
X-Real-IP: 1.2.3.4
--- error_code: 403
--- error_log
token refused: 

=== TEST 125: bunny, wrong-key
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format bunny; key file=key; from path; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
SecurityKey
--- request eval
"GET /bcdn_token=HS256-kkl5rqxUnBelyaUTTvIJCN3Y6qREFJ9mQGbC9SG-7a0&expires=1700000600/a"
--- more_headers
X-Real-IP: 1.2.3.4
--- error_code: 403
--- error_log
token refused: 

=== TEST 126: bunny, overlong
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format bunny; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
SecurityKey
--- request eval
"GET /a?token=HS256-7As1nvbTZ5HRFK8PIEOKYQdkgD0zHU3gGoFOzSL2axEA&expires=1700000600"
--- more_headers
X-Real-IP: 1.2.3.4
--- error_code: 403
--- error_log
token refused: 

=== TEST 127: bunny, overlong
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format bunny; key file=key; from path; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
SecurityKey
--- request eval
"GET /bcdn_token=HS256-7As1nvbTZ5HRFK8PIEOKYQdkgD0zHU3gGoFOzSL2axEA&expires=1700000600/a"
--- more_headers
X-Real-IP: 1.2.3.4
--- error_code: 403
--- error_log
token refused: 

=== TEST 128: bunny, ok
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format bunny; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
SecurityKey
--- request eval
"GET /a.mp4?token=Pqkt6wRz9Uz8MfSMcxhMpFTDK_G7st7pNGFgjLx0-mY&expires=1700000600"
--- response_body eval
"name=a\nGET /a.mp4 HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 129: bunny, expired
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format bunny; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
SecurityKey
--- request eval
"GET /a.mp4?token=s7QygS7NHIMSx-Wgz5MX3Pz9EVhZ8WT00w8ebh2quEg&expires=1699999999"
--- error_code: 403
--- error_log
token refused: 

=== TEST 130: bunny, tampered-path
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format bunny; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
SecurityKey
--- request eval
"GET /b.mp4?token=Pqkt6wRz9Uz8MfSMcxhMpFTDK_G7st7pNGFgjLx0-mY&expires=1700000600"
--- error_code: 403
--- error_log
token refused: 

=== TEST 131: bunny, ok
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format bunny; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
SecurityKey
--- request eval
"GET /a.mp4?token=DGl9jh-dcyWAtL7EbqZR1A&expires=1700000600"
--- response_body eval
"name=a\nGET /a.mp4 HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 132: bunny, expired
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format bunny; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
SecurityKey
--- request eval
"GET /a.mp4?token=LH-DPJvVIj0eJpfN3J7PeA&expires=1699999999"
--- error_code: 403
--- error_log
token refused: 

=== TEST 133: bunny, tampered-path
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format bunny; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
SecurityKey
--- request eval
"GET /b.mp4?token=DGl9jh-dcyWAtL7EbqZR1A&expires=1700000600"
--- error_code: 403
--- error_log
token refused: 

=== TEST 134: keycdn, ok
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format keycdn; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecret
--- request eval
"GET /path/to/file1.jpg?token=HHsfO0QQ3qWE5XJL0ZOL3w&expire=1700000600"
--- response_body eval
"name=a\nGET /path/to/file1.jpg HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 135: keycdn, ok
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format keycdn; key file=key; from path; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecret
--- request eval
"GET /HHsfO0QQ3qWE5XJL0ZOL3w,1700000600/path/to/file1.jpg"
--- response_body eval
"name=a\nGET /path/to/file1.jpg HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 136: keycdn, ok
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format keycdn; key file=key; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecret
--- request eval
"GET /path/to/file1.jpg"
--- more_headers
Cookie: token=HHsfO0QQ3qWE5XJL0ZOL3w; expire=1700000600
--- response_body eval
"name=a\nGET /path/to/file1.jpg HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 137: keycdn, ok
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format keycdn; key file=key; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecret
--- request eval
"GET /path/to/file1.jpg"
--- more_headers
X-Token: HHsfO0QQ3qWE5XJL0ZOL3w,1700000600
--- response_body eval
"name=a\nGET /path/to/file1.jpg HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 138: keycdn, expired
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format keycdn; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecret
--- request eval
"GET /f?token=8MIpLBJwCEsKIG0uA0ewlg&expire=1699999999"
--- error_code: 410
--- error_log
token refused: 

=== TEST 139: keycdn, expired
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format keycdn; key file=key; from path; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecret
--- request eval
"GET /8MIpLBJwCEsKIG0uA0ewlg,1699999999/f"
--- error_code: 410
--- error_log
token refused: 

=== TEST 140: keycdn, expired
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format keycdn; key file=key; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecret
--- request eval
"GET /f"
--- more_headers
Cookie: token=8MIpLBJwCEsKIG0uA0ewlg; expire=1699999999
--- error_code: 410
--- error_log
token refused: 

=== TEST 141: keycdn, expired
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format keycdn; key file=key; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecret
--- request eval
"GET /f"
--- more_headers
X-Token: 8MIpLBJwCEsKIG0uA0ewlg,1699999999
--- error_code: 410
--- error_log
token refused: 

=== TEST 142: keycdn, tampered-path
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format keycdn; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecret
--- request eval
"GET /g?token=w3AB2Skyife7TE3MFfii8Q&expire=1700000600"
--- error_code: 403
--- error_log
token refused: 

=== TEST 143: keycdn, tampered-path
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format keycdn; key file=key; from path; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecret
--- request eval
"GET /w3AB2Skyife7TE3MFfii8Q,1700000600/g"
--- error_code: 403
--- error_log
token refused: 

=== TEST 144: keycdn, tampered-path
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format keycdn; key file=key; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecret
--- request eval
"GET /g"
--- more_headers
Cookie: token=w3AB2Skyife7TE3MFfii8Q; expire=1700000600
--- error_code: 403
--- error_log
token refused: 

=== TEST 145: keycdn, tampered-path
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format keycdn; key file=key; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
mysecret
--- request eval
"GET /g"
--- more_headers
X-Token: w3AB2Skyife7TE3MFfii8Q,1700000600
--- error_code: 403
--- error_log
token refused: 

=== TEST 146: cdn77, path-mode-ok
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cdn77; key file=key; from path; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
secret
--- request eval
"GET /NwBAoFZVdDBL0DASH2_sgA==,1700000600/images/photo.png"
--- response_body eval
"name=a\nGET /images/photo.png HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 147: cdn77, no-expiry-ok
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cdn77; key file=key; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
secret
--- request eval
"GET /images/photo.png?secure=-aYyCsMOlYXK300sNNlpaw=="
--- response_body eval
"name=a\nGET /images/photo.png HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 148: cdn77, wrong-dir
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cdn77; key file=key; from path; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
secret
--- request eval
"GET /NwBAoFZVdDBL0DASH2_sgA==,1700000600/video/photo.png"
--- error_code: 403
--- error_log
token refused: 

=== TEST 149: secdownload, ok-md5
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format secdownload; key file=key; algorithm md5; lifetime 60s; uri_prefix /dl/; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
verysecret
--- request eval
"GET /dl/05888281a974535d202210ea766c02b8/6553f0fb/index.html"
--- response_body eval
"name=a\nGET /dl/index.html HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 150: secdownload, future-md5
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format secdownload; key file=key; algorithm md5; lifetime 60s; uri_prefix /dl/; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
verysecret
--- request eval
"GET /dl/1ce9e1f76c9303f7183adf2f54bbf2f1/6553f13d/index.html"
--- error_code: 410
--- error_log
token refused: 

=== TEST 151: secdownload, wrongkey-md5
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format secdownload; key file=key; algorithm md5; lifetime 60s; uri_prefix /dl/; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
verysecret
--- request eval
"GET /dl/0e754b6f6c324157b48471a3aa782524/6553f100/index.html"
--- error_code: 403
--- error_log
token refused: 

=== TEST 152: secdownload, stale-hmac-sha1
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format secdownload; key file=key; algorithm hmac-sha1; lifetime 60s; uri_prefix /dl/; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
verysecret
--- request eval
"GET /dl/48TYakAKPuYQTlIdFZMuzYUkNPE/6553f0c3/index.html"
--- error_code: 410
--- error_log
token refused: 

=== TEST 153: secdownload, tampered-hmac-sha1
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format secdownload; key file=key; algorithm hmac-sha1; lifetime 60s; uri_prefix /dl/; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
verysecret
--- request eval
"GET /dl/3dEWoL0N22WdwltGkVpao1tY3n0/6553f100/other"
--- error_code: 403
--- error_log
token refused: 

=== TEST 154: secdownload, ok-hmac-sha256
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format secdownload; key file=key; algorithm hmac-sha256; lifetime 60s; uri_prefix /dl/; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
verysecret
--- request eval
"GET /dl/c0XDhv80ramaJ3BYWlnVYwukf5-WOjk06bjKuskF0RY/6553f0fb/index.html"
--- response_body eval
"name=a\nGET /dl/index.html HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 155: secdownload, future-hmac-sha256
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format secdownload; key file=key; algorithm hmac-sha256; lifetime 60s; uri_prefix /dl/; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
verysecret
--- request eval
"GET /dl/0Wnf8GVr3zdp5yHbIKmajVdbRry973Yvoy4Fcg1D7dA/6553f13d/index.html"
--- error_code: 410
--- error_log
token refused: 

=== TEST 156: secdownload, wrongkey-hmac-sha256
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format secdownload; key file=key; algorithm hmac-sha256; lifetime 60s; uri_prefix /dl/; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
verysecret
--- request eval
"GET /dl/piR918Lb1l_fBnJQsogGXNcaNQ4mKgC4owCMxHxrZvE/6553f100/index.html"
--- error_code: 403
--- error_log
token refused: 

=== TEST 157: gcp_cdn, url-ok
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format gcp_cdn; key id=my-key file=key; origin https://media.example.com; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
nZtRohdNF9m3cKM24IcK4w==
--- request eval
"GET /videos/id/main.m3u8?userID=abc123&Expires=1700000600&KeyName=my-key&Signature=jZjbt46Tlg5ESqmru2YbVGYOWhQ="
--- response_body eval
"name=a\nGET /videos/id/main.m3u8?userID=abc123 HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 158: gcp_cdn, prefix-ok
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format gcp_cdn; key id=my-key file=key; origin https://media.example.com; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
nZtRohdNF9m3cKM24IcK4w==
--- request eval
"GET /videos/x.ts?URLPrefix=aHR0cHM6Ly9tZWRpYS5leGFtcGxlLmNvbS92aWRlb3Mv&Expires=1700000600&KeyName=my-key&Signature=qBa9B5yDlVxPaLBOAD6-zqtA7Z4="
--- response_body eval
"name=a\nGET /videos/x.ts HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 159: gcp_cdn, url-expired
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format gcp_cdn; key id=my-key file=key; origin https://media.example.com; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
nZtRohdNF9m3cKM24IcK4w==
--- request eval
"GET /videos/id/main.m3u8?userID=abc123&Expires=1699999999&KeyName=my-key&Signature=yZajdcVtBKFA4sEZzY6LuKIBKiY="
--- error_code: 403
--- error_log
token refused: 

=== TEST 160: gcp_cdn, url-wrong-key
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format gcp_cdn; key id=my-key file=key; origin https://media.example.com; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
nZtRohdNF9m3cKM24IcK4w==
--- request eval
"GET /videos/id/main.m3u8?userID=abc123&Expires=1700000600&KeyName=my-key&Signature=7PRCZX0LVODJ_03slr8su4-wuRo="
--- error_code: 403
--- error_log
token refused: 

=== TEST 161: gcp_cdn, prefix-escape
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format gcp_cdn; key id=my-key file=key; origin https://media.example.com; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
nZtRohdNF9m3cKM24IcK4w==
--- request eval
"GET /paid/x.ts?URLPrefix=aHR0cHM6Ly9tZWRpYS5leGFtcGxlLmNvbS92aWRlb3Mv&Expires=1700000600&KeyName=my-key&Signature=qBa9B5yDlVxPaLBOAD6-zqtA7Z4="
--- error_code: 403
--- error_log
token refused: 

=== TEST 162: gcp_cdn, cookie-malformed
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format gcp_cdn; key id=my-key file=key; origin https://media.example.com; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
nZtRohdNF9m3cKM24IcK4w==
--- request eval
"GET /videos/x"
--- more_headers
Cookie: Cloud-CDN-Cookie=zzz
--- error_code: 403
--- error_log
token refused: 

=== TEST 163: gcp_media, globs-sha256
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format gcp_media; key file=key; algorithm sha256; origin https://media.example.com; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
g_SlMILiIWKqsC6Z2L7gy0sReDOqtSrJrE7CXNr5Nl8=
--- request eval
"GET /tv/my-show/s01e01/playlist.m3u8?edge-cache-token=PathGlobs=/tv/*!/film/*~Expires=1700000600~hmac=308b4a7fa8adca9344eff115cd91ee8e921bd7c80e41aebc244d150ca8e04cd6"
--- more_headers
X-Real-IP: 203.0.113.9
--- response_body eval
"name=a\nGET /tv/my-show/s01e01/playlist.m3u8 HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 164: gcp_media, globs-sha256
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format gcp_media; key file=key; algorithm sha256; origin https://media.example.com; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
g_SlMILiIWKqsC6Z2L7gy0sReDOqtSrJrE7CXNr5Nl8=
--- request eval
"GET /tv/my-show/s01e01/playlist.m3u8"
--- more_headers
Cookie: Edge-Cache-Cookie=PathGlobs=/tv/*!/film/*~Expires=1700000600~hmac=308b4a7fa8adca9344eff115cd91ee8e921bd7c80e41aebc244d150ca8e04cd6
X-Real-IP: 203.0.113.9
--- response_body eval
"name=a\nGET /tv/my-show/s01e01/playlist.m3u8 HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 165: gcp_media, globs-sha256
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format gcp_media; key file=key; algorithm sha256; origin https://media.example.com; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
g_SlMILiIWKqsC6Z2L7gy0sReDOqtSrJrE7CXNr5Nl8=
--- request eval
"GET /tv/my-show/s01e01/playlist.m3u8"
--- more_headers
X-Token: PathGlobs=/tv/*!/film/*~Expires=1700000600~hmac=308b4a7fa8adca9344eff115cd91ee8e921bd7c80e41aebc244d150ca8e04cd6
X-Real-IP: 203.0.113.9
--- response_body eval
"name=a\nGET /tv/my-show/s01e01/playlist.m3u8 HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 166: gcp_media, globs-ed25519
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format gcp_media; key file=key; algorithm ed25519; origin https://media.example.com; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo
--- request eval
"GET /tv/my-show/s01e01/playlist.m3u8?edge-cache-token=PathGlobs=/tv/*~Expires=1700000600~Signature=UUlZb5YCBy0K8m77yAvINnJaumVE4-3prt5mJV27gTqXC5bWjUUtf3Kh766CqKqZA7qKTDMyr_Ks3YGY9pqICA"
--- more_headers
X-Real-IP: 203.0.113.9
--- response_body eval
"name=a\nGET /tv/my-show/s01e01/playlist.m3u8 HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 167: gcp_media, globs-ed25519
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format gcp_media; key file=key; algorithm ed25519; origin https://media.example.com; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo
--- request eval
"GET /tv/my-show/s01e01/playlist.m3u8"
--- more_headers
Cookie: Edge-Cache-Cookie=PathGlobs=/tv/*~Expires=1700000600~Signature=UUlZb5YCBy0K8m77yAvINnJaumVE4-3prt5mJV27gTqXC5bWjUUtf3Kh766CqKqZA7qKTDMyr_Ks3YGY9pqICA
X-Real-IP: 203.0.113.9
--- response_body eval
"name=a\nGET /tv/my-show/s01e01/playlist.m3u8 HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 168: gcp_media, globs-ed25519
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format gcp_media; key file=key; algorithm ed25519; origin https://media.example.com; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo
--- request eval
"GET /tv/my-show/s01e01/playlist.m3u8"
--- more_headers
X-Token: PathGlobs=/tv/*~Expires=1700000600~Signature=UUlZb5YCBy0K8m77yAvINnJaumVE4-3prt5mJV27gTqXC5bWjUUtf3Kh766CqKqZA7qKTDMyr_Ks3YGY9pqICA
X-Real-IP: 203.0.113.9
--- response_body eval
"name=a\nGET /tv/my-show/s01e01/playlist.m3u8 HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 169: gcp_media, iprange
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format gcp_media; key file=key; algorithm sha256; origin https://media.example.com; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
g_SlMILiIWKqsC6Z2L7gy0sReDOqtSrJrE7CXNr5Nl8=
--- request eval
"GET /tv/my-show/s01e01/playlist.m3u8?edge-cache-token=PathGlobs=/tv/*~Expires=1700000600~IPRanges=MjAzLjAuMTEzLjAvMjQsMjAwMTpkYjg6NGE3ZjphNzMyOjovNjQ~hmac=9cf3620047b84dc160f212620cf38f7c0ee35f1d0d40777bff569942e32820ab"
--- more_headers
X-Real-IP: 203.0.113.9
--- response_body eval
"name=a\nGET /tv/my-show/s01e01/playlist.m3u8 HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 170: gcp_media, iprange
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format gcp_media; key file=key; algorithm sha256; origin https://media.example.com; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
g_SlMILiIWKqsC6Z2L7gy0sReDOqtSrJrE7CXNr5Nl8=
--- request eval
"GET /tv/my-show/s01e01/playlist.m3u8"
--- more_headers
Cookie: Edge-Cache-Cookie=PathGlobs=/tv/*~Expires=1700000600~IPRanges=MjAzLjAuMTEzLjAvMjQsMjAwMTpkYjg6NGE3ZjphNzMyOjovNjQ~hmac=9cf3620047b84dc160f212620cf38f7c0ee35f1d0d40777bff569942e32820ab
X-Real-IP: 203.0.113.9
--- response_body eval
"name=a\nGET /tv/my-show/s01e01/playlist.m3u8 HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 171: gcp_media, iprange
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format gcp_media; key file=key; algorithm sha256; origin https://media.example.com; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
g_SlMILiIWKqsC6Z2L7gy0sReDOqtSrJrE7CXNr5Nl8=
--- request eval
"GET /tv/my-show/s01e01/playlist.m3u8"
--- more_headers
X-Token: PathGlobs=/tv/*~Expires=1700000600~IPRanges=MjAzLjAuMTEzLjAvMjQsMjAwMTpkYjg6NGE3ZjphNzMyOjovNjQ~hmac=9cf3620047b84dc160f212620cf38f7c0ee35f1d0d40777bff569942e32820ab
X-Real-IP: 203.0.113.9
--- response_body eval
"name=a\nGET /tv/my-show/s01e01/playlist.m3u8 HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 172: gcp_media, ip-outside
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format gcp_media; key file=key; algorithm sha256; origin https://media.example.com; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
g_SlMILiIWKqsC6Z2L7gy0sReDOqtSrJrE7CXNr5Nl8=
--- request eval
"GET /tv/my-show/s01e01/playlist.m3u8?edge-cache-token=PathGlobs=/tv/*~Expires=1700000600~IPRanges=MjAzLjAuMTEzLjAvMjQ~hmac=04f4663bac71c28d7b45faa6b054850fd91ac927dc3095d986451e3712ee70c5"
--- more_headers
X-Real-IP: 198.51.100.1
--- error_code: 403
--- error_log
token refused: 

=== TEST 173: gcp_media, ip-outside
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format gcp_media; key file=key; algorithm sha256; origin https://media.example.com; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
g_SlMILiIWKqsC6Z2L7gy0sReDOqtSrJrE7CXNr5Nl8=
--- request eval
"GET /tv/my-show/s01e01/playlist.m3u8"
--- more_headers
Cookie: Edge-Cache-Cookie=PathGlobs=/tv/*~Expires=1700000600~IPRanges=MjAzLjAuMTEzLjAvMjQ~hmac=04f4663bac71c28d7b45faa6b054850fd91ac927dc3095d986451e3712ee70c5
X-Real-IP: 198.51.100.1
--- error_code: 403
--- error_log
token refused: 

=== TEST 174: gcp_media, ip-outside
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format gcp_media; key file=key; algorithm sha256; origin https://media.example.com; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
g_SlMILiIWKqsC6Z2L7gy0sReDOqtSrJrE7CXNr5Nl8=
--- request eval
"GET /tv/my-show/s01e01/playlist.m3u8"
--- more_headers
X-Token: PathGlobs=/tv/*~Expires=1700000600~IPRanges=MjAzLjAuMTEzLjAvMjQ~hmac=04f4663bac71c28d7b45faa6b054850fd91ac927dc3095d986451e3712ee70c5
X-Real-IP: 198.51.100.1
--- error_code: 403
--- error_log
token refused: 

=== TEST 175: gcp_media, not-yet
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format gcp_media; key file=key; algorithm sha256; origin https://media.example.com; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
g_SlMILiIWKqsC6Z2L7gy0sReDOqtSrJrE7CXNr5Nl8=
--- request eval
"GET /tv/my-show/s01e01/playlist.m3u8?edge-cache-token=PathGlobs=/tv/*~Starts=1700000060~Expires=1700000600~hmac=a91536383abea6a6e947122997e1ea26f5ae79fd62aa74bbcd4500cfd60fab7c"
--- more_headers
X-Real-IP: 203.0.113.9
--- error_code: 403
--- error_log
token refused: 

=== TEST 176: gcp_media, not-yet
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format gcp_media; key file=key; algorithm sha256; origin https://media.example.com; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
g_SlMILiIWKqsC6Z2L7gy0sReDOqtSrJrE7CXNr5Nl8=
--- request eval
"GET /tv/my-show/s01e01/playlist.m3u8"
--- more_headers
Cookie: Edge-Cache-Cookie=PathGlobs=/tv/*~Starts=1700000060~Expires=1700000600~hmac=a91536383abea6a6e947122997e1ea26f5ae79fd62aa74bbcd4500cfd60fab7c
X-Real-IP: 203.0.113.9
--- error_code: 403
--- error_log
token refused: 

=== TEST 177: gcp_media, not-yet
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format gcp_media; key file=key; algorithm sha256; origin https://media.example.com; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
g_SlMILiIWKqsC6Z2L7gy0sReDOqtSrJrE7CXNr5Nl8=
--- request eval
"GET /tv/my-show/s01e01/playlist.m3u8"
--- more_headers
X-Token: PathGlobs=/tv/*~Starts=1700000060~Expires=1700000600~hmac=a91536383abea6a6e947122997e1ea26f5ae79fd62aa74bbcd4500cfd60fab7c
X-Real-IP: 203.0.113.9
--- error_code: 403
--- error_log
token refused: 

=== TEST 178: gcp_media, wrong-key
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format gcp_media; key file=key; algorithm sha256; origin https://media.example.com; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
g_SlMILiIWKqsC6Z2L7gy0sReDOqtSrJrE7CXNr5Nl8=
--- request eval
"GET /tv/my-show/s01e01/playlist.m3u8?edge-cache-token=PathGlobs=/tv/*~Expires=1700000600~hmac=e8fae97580707e2081c9cf69f9a0014c0097b0c3ba3c7c1dd0d8b18b0633ce08"
--- more_headers
X-Real-IP: 203.0.113.9
--- error_code: 403
--- error_log
token refused: 

=== TEST 179: gcp_media, wrong-key
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format gcp_media; key file=key; algorithm sha256; origin https://media.example.com; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
g_SlMILiIWKqsC6Z2L7gy0sReDOqtSrJrE7CXNr5Nl8=
--- request eval
"GET /tv/my-show/s01e01/playlist.m3u8"
--- more_headers
Cookie: Edge-Cache-Cookie=PathGlobs=/tv/*~Expires=1700000600~hmac=e8fae97580707e2081c9cf69f9a0014c0097b0c3ba3c7c1dd0d8b18b0633ce08
X-Real-IP: 203.0.113.9
--- error_code: 403
--- error_log
token refused: 

=== TEST 180: gcp_media, wrong-key
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format gcp_media; key file=key; algorithm sha256; origin https://media.example.com; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
g_SlMILiIWKqsC6Z2L7gy0sReDOqtSrJrE7CXNr5Nl8=
--- request eval
"GET /tv/my-show/s01e01/playlist.m3u8"
--- more_headers
X-Token: PathGlobs=/tv/*~Expires=1700000600~hmac=e8fae97580707e2081c9cf69f9a0014c0097b0c3ba3c7c1dd0d8b18b0633ce08
X-Real-IP: 203.0.113.9
--- error_code: 403
--- error_log
token refused: 

=== TEST 181: gcp_media, wrong-path
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format gcp_media; key file=key; algorithm sha256; origin https://media.example.com; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
g_SlMILiIWKqsC6Z2L7gy0sReDOqtSrJrE7CXNr5Nl8=
--- request eval
"GET /tv/my-show/s01e01/playlist.m3u8?edge-cache-token=PathGlobs=/film/*~Expires=1700000600~hmac=86f8cc490ac73490b3c8b0a2850b47cf208a73636865bf7ddaf63fa008b14fae"
--- more_headers
X-Real-IP: 203.0.113.9
--- error_code: 403
--- error_log
token refused: 

=== TEST 182: gcp_media, wrong-path
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format gcp_media; key file=key; algorithm sha256; origin https://media.example.com; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
g_SlMILiIWKqsC6Z2L7gy0sReDOqtSrJrE7CXNr5Nl8=
--- request eval
"GET /tv/my-show/s01e01/playlist.m3u8"
--- more_headers
Cookie: Edge-Cache-Cookie=PathGlobs=/film/*~Expires=1700000600~hmac=86f8cc490ac73490b3c8b0a2850b47cf208a73636865bf7ddaf63fa008b14fae
X-Real-IP: 203.0.113.9
--- error_code: 403
--- error_log
token refused: 

=== TEST 183: gcp_media, wrong-path
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format gcp_media; key file=key; algorithm sha256; origin https://media.example.com; from header; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
g_SlMILiIWKqsC6Z2L7gy0sReDOqtSrJrE7CXNr5Nl8=
--- request eval
"GET /tv/my-show/s01e01/playlist.m3u8"
--- more_headers
X-Token: PathGlobs=/film/*~Expires=1700000600~hmac=86f8cc490ac73490b3c8b0a2850b47cf208a73636865bf7ddaf63fa008b14fae
X-Real-IP: 203.0.113.9
--- error_code: 403
--- error_log
token refused: 

=== TEST 184: cloudfront, canned-rsa-sha1
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudfront; key id=KRSA1 file=key; origin https://d111111abcdef8.cloudfront.net; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
--- request eval
"GET /image.jpg?color=red&Expires=1700000600&Key-Pair-Id=KRSA1&Signature=FcHTAiHRX48u06t9xTzE64zXSH4CKvyHvarMNNjZyICmkUl1xZpGcEA9hoHg81I7N6OkiFaO1bACgqHcCsaUZiRGkl8TLGT9m6v-XAlgf~M32-Gi5WKNqbonGwetzfvi1gP1pIZWLt2QnwlssaH-5vB8lGJ0VIri7kCvuoQb-kbta9TmL~VeErmmlW1n3UUz-7j2D-kJ67k9D3EF6VG6GM2o0f-EEJHVuu7kqNB2~s~93w94rXaSwE634RIKOYIcYyAPJ90brb75BIrblikTO6aKiUjoY51Z96nQP0sds1dP4sMeur0mLCm2bpPEi~Sfme1akqBqpjjo188lzw9X2g__"
--- more_headers
X-Real-IP: 192.0.2.10
--- response_body eval
"name=a\nGET /image.jpg?color=red HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 185: cloudfront, canned-ecdsa-sha256
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudfront; key id=KEC1 file=key; origin https://d111111abcdef8.cloudfront.net; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
--- request eval
"GET /image.jpg?color=red&Expires=1700000600&Hash-Algorithm=SHA256&Key-Pair-Id=KEC1&Signature=MEUCIQCpz8GiLp9Abm3Yn~njKYj9YTV7dgEEV3nlNLgkSxcKQwIgJrehYAP5PZBjAPAeaF9przgAdP0U2c6f94HVt~0hvRI_"
--- more_headers
X-Real-IP: 192.0.2.10
--- response_body eval
"name=a\nGET /image.jpg?color=red HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 186: cloudfront, custom-cookie-ip
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudfront; key id=KRSA1 file=key; origin https://d111111abcdef8.cloudfront.net; from cookie; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
--- request eval
"GET /image.jpg?color=red"
--- more_headers
Cookie: CloudFront-Key-Pair-Id=KRSA1; CloudFront-Policy=eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoiaHR0cHM6Ly9kMTExMTExYWJjZGVmOC5jbG91ZGZyb250Lm5ldC8qIiwiQ29uZGl0aW9uIjp7IkRhdGVMZXNzVGhhbiI6eyJBV1M6RXBvY2hUaW1lIjoxNzAwMDAwNjAwfSwiRGF0ZUdyZWF0ZXJUaGFuIjp7IkFXUzpFcG9jaFRpbWUiOjE2OTk5OTk5NDB9LCJJcEFkZHJlc3MiOnsiQVdTOlNvdXJjZUlwIjoiMTkyLjAuMi4wLzI0In19fV19; CloudFront-Signature=euwwVPT134TvqEijYriP3hQopSEls404zUrmHMT9~X9M9JU36hizIXyIF44gTiX6tem1Rf9GOayLlU0swr~AhObN-ti6a0kxyBSK1z6nc~5qotMFqoAFCscCcB1KaAUH3vpFKyEaAzRc19n-tsEPMXw5rJ9dGLH5hv-SkyaCSAmUY2wXe931RTsfw8H7pGlR2yvBZ~cs72RlfV03had5neUWsEawZvZuERvFJbPPvyv4hadwG4~qqR~mbbOiwID3rMTFtE4y4YN144njq6q~F38xysF-8-JdKeaCWW80NsF-92H41L1u3YXxeOlU9xfDbPHLM1RiXMs9kHO9CEVzMA__
X-Real-IP: 192.0.2.10
--- response_body eval
"name=a\nGET /image.jpg?color=red HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n"
--- no_error_log
token refused

=== TEST 187: cloudfront, not-yet
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudfront; key id=KRSA1 file=key; origin https://d111111abcdef8.cloudfront.net; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
--- request eval
"GET /image.jpg?color=red&Key-Pair-Id=KRSA1&Policy=eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoiaHR0cHM6Ly9kMTExMTExYWJjZGVmOC5jbG91ZGZyb250Lm5ldC8qIiwiQ29uZGl0aW9uIjp7IkRhdGVMZXNzVGhhbiI6eyJBV1M6RXBvY2hUaW1lIjoxNzAwMDAwNjAwfSwiRGF0ZUdyZWF0ZXJUaGFuIjp7IkFXUzpFcG9jaFRpbWUiOjE3MDAwMDAwNjB9fX1dfQ__&Signature=MzNv4GW5dHD3EvFXzV~~6Oh8~orZNyc6u5gEOB7cGv-RkVWNLizGQFXBfQWe2LDFqODjeEDcFS-Y1jlBziJpWB~nxoWStrye7u7DjSrA9kJuTTNr4lkjKlj~zKVvBPsDDTqmHtUXFikDqgqTlv~IkruT1PG8kmBrxVTU5gv3pe12rnIEPWkcVCK3np5~0M3tSqfvph8wGvVNaOoV6fLBdfbMucmyKLlN-Hf8YPi~PcQ5DKagCZMiH0th6x71w9PY45IY10vhXrTQATg10UCqktv2eVwmGZ9iBw2nQVnSY~Pukm8dDmyJmbNBQ-AmVMq6shVM0N0xv6ZZrSbmtDPQsQ__"
--- more_headers
X-Real-IP: 192.0.2.10
--- error_code: 403
--- error_log
token refused: 

=== TEST 188: cloudfront, tampered-expires
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudfront; key id=KRSA1 file=key; origin https://d111111abcdef8.cloudfront.net; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
--- request eval
"GET /image.jpg?color=red&Expires=1700000609&Key-Pair-Id=KRSA1&Signature=FcHTAiHRX48u06t9xTzE64zXSH4CKvyHvarMNNjZyICmkUl1xZpGcEA9hoHg81I7N6OkiFaO1bACgqHcCsaUZiRGkl8TLGT9m6v-XAlgf~M32-Gi5WKNqbonGwetzfvi1gP1pIZWLt2QnwlssaH-5vB8lGJ0VIri7kCvuoQb-kbta9TmL~VeErmmlW1n3UUz-7j2D-kJ67k9D3EF6VG6GM2o0f-EEJHVuu7kqNB2~s~93w94rXaSwE634RIKOYIcYyAPJ90brb75BIrblikTO6aKiUjoY51Z96nQP0sds1dP4sMeur0mLCm2bpPEi~Sfme1akqBqpjjo188lzw9X2g__"
--- more_headers
X-Real-IP: 192.0.2.10
--- error_code: 403
--- error_log
token refused: 

=== TEST 189: cloudfront, unknown-key
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudfront; key id=KRSA1 file=key; origin https://d111111abcdef8.cloudfront.net; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
--- request eval
"GET /image.jpg?color=red&Expires=1700000600&Key-Pair-Id=KOLD&Signature=FcHTAiHRX48u06t9xTzE64zXSH4CKvyHvarMNNjZyICmkUl1xZpGcEA9hoHg81I7N6OkiFaO1bACgqHcCsaUZiRGkl8TLGT9m6v-XAlgf~M32-Gi5WKNqbonGwetzfvi1gP1pIZWLt2QnwlssaH-5vB8lGJ0VIri7kCvuoQb-kbta9TmL~VeErmmlW1n3UUz-7j2D-kJ67k9D3EF6VG6GM2o0f-EEJHVuu7kqNB2~s~93w94rXaSwE634RIKOYIcYyAPJ90brb75BIrblikTO6aKiUjoY51Z96nQP0sds1dP4sMeur0mLCm2bpPEi~Sfme1akqBqpjjo188lzw9X2g__"
--- more_headers
X-Real-IP: 192.0.2.10
--- error_code: 403
--- error_log
token refused: 

=== TEST 190: cloudfront, hash-alg-mismatch
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudfront; key id=KRSA1 file=key; origin https://d111111abcdef8.cloudfront.net; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
--- request eval
"GET /image.jpg?color=red&Expires=1700000600&Hash-Algorithm=SHA256&Key-Pair-Id=KRSA1&Signature=FcHTAiHRX48u06t9xTzE64zXSH4CKvyHvarMNNjZyICmkUl1xZpGcEA9hoHg81I7N6OkiFaO1bACgqHcCsaUZiRGkl8TLGT9m6v-XAlgf~M32-Gi5WKNqbonGwetzfvi1gP1pIZWLt2QnwlssaH-5vB8lGJ0VIri7kCvuoQb-kbta9TmL~VeErmmlW1n3UUz-7j2D-kJ67k9D3EF6VG6GM2o0f-EEJHVuu7kqNB2~s~93w94rXaSwE634RIKOYIcYyAPJ90brb75BIrblikTO6aKiUjoY51Z96nQP0sds1dP4sMeur0mLCm2bpPEi~Sfme1akqBqpjjo188lzw9X2g__"
--- more_headers
X-Real-IP: 192.0.2.10
--- error_code: 403
--- error_log
token refused: 

=== TEST 191: cloudfront, overlong-policy
--- http_upstream: a
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p { format cloudfront; key id=KRSA1 file=key; origin https://d111111abcdef8.cloudfront.net; from query; }
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; proxy_set_header Host up; proxy_set_header X-Real-IP ""; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/key
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
--- request eval
"GET /image.jpg?color=red&Key-Pair-Id=KRSA1&Policy=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&Signature=fvFcsxLPJ7Kp~qYJKE8yCtbiHds4awk2FLcC7OGkA-o~BNuTZRb0BkcBuReCV-MFWiiOZslDmwxpSEiRmTDDtL3zVxiDrds7X3EDWyzKbPn7SnB5Vvrph~Ckyef9bam1JyLRQkuXJ4vG27pW9jyETVqSLkZ9nb6UKUER2GEVNsHrXj4mhIvzU7EPHnqKAznBFN53mgKKKv-I9z9t6qH5q0cNY4evSQZX86n8qeKAw2pTIu7IIQHmYknCbqWTF~tFfKH-ACbKs0F4YzWX8xOjQJNjvekJub1sWMzzBSBcSkWvJhNOIMU7yCUpWbg1Vp76Cr2eCTrUMgIMXjZoNoacwQ__"
--- more_headers
X-Real-IP: 192.0.2.10
--- error_code: 403
--- error_log
token refused: 

=== TEST 192: jwt, ok-HS256
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format jwt;
    key id=hs1 file=hs1;
    key id=rs1 file=rs1 encoding=pem;
    key id=es1 file=es1 encoding=pem;
    jwks file=ed1;
    issuer https://issuer.example;
    audience edge;
    from header query=t cookie=c path;
}
--- config
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs1
0123456789abcdef0123456789abcdef
>>> ../conf/rs1
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/es1
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> ../conf/ed1
{"kty":"OKP","crv":"Ed25519","kid":"ed1","x":"im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo"}
>>> v
shown
--- request eval
["GET /v", "GET /v?t=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.FwDjaHTvcK2WYoWFU0rjAZNFGWaE8E2Tr8JRg-9tTRA", "GET /v"]
--- more_headers eval
["Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.FwDjaHTvcK2WYoWFU0rjAZNFGWaE8E2Tr8JRg-9tTRA", "", "Cookie: c=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.FwDjaHTvcK2WYoWFU0rjAZNFGWaE8E2Tr8JRg-9tTRA"]
--- error_code eval
[200, 200, 200]
--- no_error_log
token refused

=== TEST 193: jwt, ok-ES256
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format jwt;
    key id=hs1 file=hs1;
    key id=rs1 file=rs1 encoding=pem;
    key id=es1 file=es1 encoding=pem;
    jwks file=ed1;
    issuer https://issuer.example;
    audience edge;
    from header query=t cookie=c path;
}
--- config
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs1
0123456789abcdef0123456789abcdef
>>> ../conf/rs1
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/es1
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> ../conf/ed1
{"kty":"OKP","crv":"Ed25519","kid":"ed1","x":"im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo"}
>>> v
shown
--- request eval
["GET /v", "GET /v?t=eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImVzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.0sSJ7WajiqH0dLzE3terB7bxD-RCu9O0aEMCdyttiRgnucyt05MBvcC6yTX5rgzKj2DcTFUx3ik7uff4D7tz_g", "GET /v"]
--- more_headers eval
["Authorization: Bearer eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImVzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.0sSJ7WajiqH0dLzE3terB7bxD-RCu9O0aEMCdyttiRgnucyt05MBvcC6yTX5rgzKj2DcTFUx3ik7uff4D7tz_g", "", "Cookie: c=eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImVzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.0sSJ7WajiqH0dLzE3terB7bxD-RCu9O0aEMCdyttiRgnucyt05MBvcC6yTX5rgzKj2DcTFUx3ik7uff4D7tz_g"]
--- error_code eval
[200, 200, 200]
--- no_error_log
token refused

=== TEST 194: jwt, ok-aud-array
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format jwt;
    key id=hs1 file=hs1;
    key id=rs1 file=rs1 encoding=pem;
    key id=es1 file=es1 encoding=pem;
    jwks file=ed1;
    issuer https://issuer.example;
    audience edge;
    from header query=t cookie=c path;
}
--- config
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs1
0123456789abcdef0123456789abcdef
>>> ../conf/rs1
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/es1
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> ../conf/ed1
{"kty":"OKP","crv":"Ed25519","kid":"ed1","x":"im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo"}
>>> v
shown
--- request eval
["GET /v", "GET /v?t=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjpbIngiLCJlZGdlIl0sInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.EPo5uYIEMetCYKSMW7k75uppV4UaVXyvlOiYAQJ70Os", "GET /v"]
--- more_headers eval
["Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjpbIngiLCJlZGdlIl0sInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.EPo5uYIEMetCYKSMW7k75uppV4UaVXyvlOiYAQJ70Os", "", "Cookie: c=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjpbIngiLCJlZGdlIl0sInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.EPo5uYIEMetCYKSMW7k75uppV4UaVXyvlOiYAQJ70Os"]
--- error_code eval
[200, 200, 200]
--- no_error_log
token refused

=== TEST 195: jwt, ok-float-exp
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format jwt;
    key id=hs1 file=hs1;
    key id=rs1 file=rs1 encoding=pem;
    key id=es1 file=es1 encoding=pem;
    jwks file=ed1;
    issuer https://issuer.example;
    audience edge;
    from header query=t cookie=c path;
}
--- config
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs1
0123456789abcdef0123456789abcdef
>>> ../conf/rs1
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/es1
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> ../conf/ed1
{"kty":"OKP","crv":"Ed25519","kid":"ed1","x":"im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo"}
>>> v
shown
--- request eval
["GET /v", "GET /v?t=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwLjV9.AA-3M9_zVdGjVVbHVlNEgjpbWi93Xkyivns_b4boH_0", "GET /v"]
--- more_headers eval
["Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwLjV9.AA-3M9_zVdGjVVbHVlNEgjpbWi93Xkyivns_b4boH_0", "", "Cookie: c=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwLjV9.AA-3M9_zVdGjVVbHVlNEgjpbWi93Xkyivns_b4boH_0"]
--- error_code eval
[200, 200, 200]
--- no_error_log
token refused

=== TEST 196: jwt, alg-none-nokid
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format jwt;
    key id=hs1 file=hs1;
    key id=rs1 file=rs1 encoding=pem;
    key id=es1 file=es1 encoding=pem;
    jwks file=ed1;
    issuer https://issuer.example;
    audience edge;
    from header query=t cookie=c path;
}
--- config
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs1
0123456789abcdef0123456789abcdef
>>> ../conf/rs1
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/es1
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> ../conf/ed1
{"kty":"OKP","crv":"Ed25519","kid":"ed1","x":"im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo"}
>>> v
shown
--- request eval
["GET /v", "GET /v?t=eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.", "GET /v"]
--- more_headers eval
["Authorization: Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.", "", "Cookie: c=eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ."]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 

=== TEST 197: jwt, hs256-with-rsa-public-pem
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format jwt;
    key id=hs1 file=hs1;
    key id=rs1 file=rs1 encoding=pem;
    key id=es1 file=es1 encoding=pem;
    jwks file=ed1;
    issuer https://issuer.example;
    audience edge;
    from header query=t cookie=c path;
}
--- config
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs1
0123456789abcdef0123456789abcdef
>>> ../conf/rs1
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/es1
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> ../conf/ed1
{"kty":"OKP","crv":"Ed25519","kid":"ed1","x":"im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo"}
>>> v
shown
--- request eval
["GET /v", "GET /v?t=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6InJzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.gGNq2KDDWN-y_VB4F24Jfu1HvycRmYiJG7n332ijEhI", "GET /v"]
--- more_headers eval
["Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6InJzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.gGNq2KDDWN-y_VB4F24Jfu1HvycRmYiJG7n332ijEhI", "", "Cookie: c=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6InJzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.gGNq2KDDWN-y_VB4F24Jfu1HvycRmYiJG7n332ijEhI"]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 

=== TEST 198: jwt, hs256-with-rsa-public-der
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format jwt;
    key id=hs1 file=hs1;
    key id=rs1 file=rs1 encoding=pem;
    key id=es1 file=es1 encoding=pem;
    jwks file=ed1;
    issuer https://issuer.example;
    audience edge;
    from header query=t cookie=c path;
}
--- config
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs1
0123456789abcdef0123456789abcdef
>>> ../conf/rs1
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/es1
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> ../conf/ed1
{"kty":"OKP","crv":"Ed25519","kid":"ed1","x":"im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo"}
>>> v
shown
--- request eval
["GET /v", "GET /v?t=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6InJzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.fAMQfC7Y5bxb-iyzz2HI1c318z8fvdWU3ulpSNcWoUs", "GET /v"]
--- more_headers eval
["Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6InJzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.fAMQfC7Y5bxb-iyzz2HI1c318z8fvdWU3ulpSNcWoUs", "", "Cookie: c=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6InJzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.fAMQfC7Y5bxb-iyzz2HI1c318z8fvdWU3ulpSNcWoUs"]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 

=== TEST 199: jwt, hs384-on-hs256-key
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format jwt;
    key id=hs1 file=hs1;
    key id=rs1 file=rs1 encoding=pem;
    key id=es1 file=es1 encoding=pem;
    jwks file=ed1;
    issuer https://issuer.example;
    audience edge;
    from header query=t cookie=c path;
}
--- config
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs1
0123456789abcdef0123456789abcdef
>>> ../conf/rs1
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/es1
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> ../conf/ed1
{"kty":"OKP","crv":"Ed25519","kid":"ed1","x":"im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo"}
>>> v
shown
--- request eval
["GET /v", "GET /v?t=eyJhbGciOiJIUzM4NCIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.K-MXncE9l8WqvVYfdSTx2P8uyJioS8AlEgJu0bjxmKzGQN4gYB1IDkd5sXe-vzAv", "GET /v"]
--- more_headers eval
["Authorization: Bearer eyJhbGciOiJIUzM4NCIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.K-MXncE9l8WqvVYfdSTx2P8uyJioS8AlEgJu0bjxmKzGQN4gYB1IDkd5sXe-vzAv", "", "Cookie: c=eyJhbGciOiJIUzM4NCIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.K-MXncE9l8WqvVYfdSTx2P8uyJioS8AlEgJu0bjxmKzGQN4gYB1IDkd5sXe-vzAv"]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 

=== TEST 200: jwt, expired
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format jwt;
    key id=hs1 file=hs1;
    key id=rs1 file=rs1 encoding=pem;
    key id=es1 file=es1 encoding=pem;
    jwks file=ed1;
    issuer https://issuer.example;
    audience edge;
    from header query=t cookie=c path;
}
--- config
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs1
0123456789abcdef0123456789abcdef
>>> ../conf/rs1
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/es1
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> ../conf/ed1
{"kty":"OKP","crv":"Ed25519","kid":"ed1","x":"im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo"}
>>> v
shown
--- request eval
["GET /v", "GET /v?t=eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6InJzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMDAwfQ.Jlhn_ilo6w4mN30uTars7aJ1orUR1OOFaNum95LmuiU7O0opbfKSHyJnmKfTovIMx1aA5M5Ruic2RZZ-wHy8XV3IStAAVCJdpkHyhBemgSIYxxwnXmdubgV9k1R9OdmI77g4RM0Z7B2t8ZSUHxHzA9xKgwS1bNylKjVQsjQeGWzykwlffalJoOOU_TGLmxYo6FSUxxRzWWpNV00oHtSwKOiZFjqeYSLMUfOXtGWjAYu3RUjCa3qPidqTkijawwDwu_o8odAfsxFYUArSHwJgZY2q9kUyMX7r_-e5tFrtUx7FMlTY3PSvgwBhXnVfYGcZ4j50F8bQ8D13_FJizDLuAA", "GET /v"]
--- more_headers eval
["Authorization: Bearer eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6InJzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMDAwfQ.Jlhn_ilo6w4mN30uTars7aJ1orUR1OOFaNum95LmuiU7O0opbfKSHyJnmKfTovIMx1aA5M5Ruic2RZZ-wHy8XV3IStAAVCJdpkHyhBemgSIYxxwnXmdubgV9k1R9OdmI77g4RM0Z7B2t8ZSUHxHzA9xKgwS1bNylKjVQsjQeGWzykwlffalJoOOU_TGLmxYo6FSUxxRzWWpNV00oHtSwKOiZFjqeYSLMUfOXtGWjAYu3RUjCa3qPidqTkijawwDwu_o8odAfsxFYUArSHwJgZY2q9kUyMX7r_-e5tFrtUx7FMlTY3PSvgwBhXnVfYGcZ4j50F8bQ8D13_FJizDLuAA", "", "Cookie: c=eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6InJzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMDAwfQ.Jlhn_ilo6w4mN30uTars7aJ1orUR1OOFaNum95LmuiU7O0opbfKSHyJnmKfTovIMx1aA5M5Ruic2RZZ-wHy8XV3IStAAVCJdpkHyhBemgSIYxxwnXmdubgV9k1R9OdmI77g4RM0Z7B2t8ZSUHxHzA9xKgwS1bNylKjVQsjQeGWzykwlffalJoOOU_TGLmxYo6FSUxxRzWWpNV00oHtSwKOiZFjqeYSLMUfOXtGWjAYu3RUjCa3qPidqTkijawwDwu_o8odAfsxFYUArSHwJgZY2q9kUyMX7r_-e5tFrtUx7FMlTY3PSvgwBhXnVfYGcZ4j50F8bQ8D13_FJizDLuAA"]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 

=== TEST 201: jwt, no-exp
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format jwt;
    key id=hs1 file=hs1;
    key id=rs1 file=rs1 encoding=pem;
    key id=es1 file=es1 encoding=pem;
    jwks file=ed1;
    issuer https://issuer.example;
    audience edge;
    from header query=t cookie=c path;
}
--- config
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs1
0123456789abcdef0123456789abcdef
>>> ../conf/rs1
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/es1
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> ../conf/ed1
{"kty":"OKP","crv":"Ed25519","kid":"ed1","x":"im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo"}
>>> v
shown
--- request eval
["GET /v", "GET /v?t=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MH0.dLRPwN3TWzmH_Dh9spnNB95AV-eyNgCQrubMbwAGrpQ", "GET /v"]
--- more_headers eval
["Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MH0.dLRPwN3TWzmH_Dh9spnNB95AV-eyNgCQrubMbwAGrpQ", "", "Cookie: c=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MH0.dLRPwN3TWzmH_Dh9spnNB95AV-eyNgCQrubMbwAGrpQ"]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 

=== TEST 202: jwt, nbf-string
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format jwt;
    key id=hs1 file=hs1;
    key id=rs1 file=rs1 encoding=pem;
    key id=es1 file=es1 encoding=pem;
    jwks file=ed1;
    issuer https://issuer.example;
    audience edge;
    from header query=t cookie=c path;
}
--- config
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs1
0123456789abcdef0123456789abcdef
>>> ../conf/rs1
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/es1
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> ../conf/ed1
{"kty":"OKP","crv":"Ed25519","kid":"ed1","x":"im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo"}
>>> v
shown
--- request eval
["GET /v", "GET /v?t=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwLCJuYmYiOiI5OTk5OTk5OTk5OSJ9.6F3r2WACrZ7CbudoIlp_7bonNbMVNBpiRN6bwMH5t-A", "GET /v"]
--- more_headers eval
["Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwLCJuYmYiOiI5OTk5OTk5OTk5OSJ9.6F3r2WACrZ7CbudoIlp_7bonNbMVNBpiRN6bwMH5t-A", "", "Cookie: c=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwLCJuYmYiOiI5OTk5OTk5OTk5OSJ9.6F3r2WACrZ7CbudoIlp_7bonNbMVNBpiRN6bwMH5t-A"]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 

=== TEST 203: jwt, exp-huge
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format jwt;
    key id=hs1 file=hs1;
    key id=rs1 file=rs1 encoding=pem;
    key id=es1 file=es1 encoding=pem;
    jwks file=ed1;
    issuer https://issuer.example;
    audience edge;
    from header query=t cookie=c path;
}
--- config
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs1
0123456789abcdef0123456789abcdef
>>> ../conf/rs1
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/es1
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> ../conf/ed1
{"kty":"OKP","crv":"Ed25519","kid":"ed1","x":"im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo"}
>>> v
shown
--- request eval
["GET /v", "GET /v?t=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiAiaHR0cHM6Ly9pc3N1ZXIuZXhhbXBsZSIsICJhdWQiOiAiZWRnZSIsICJzdWIiOiAidXNlci0xIiwgImlhdCI6IDE2OTk5OTk5OTAsICJleHAiOiAxZTQwMH0.8TXJgqGji2vqr4-YyVKvimg3Kl6Z97qas8SvLUsfjm4", "GET /v"]
--- more_headers eval
["Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiAiaHR0cHM6Ly9pc3N1ZXIuZXhhbXBsZSIsICJhdWQiOiAiZWRnZSIsICJzdWIiOiAidXNlci0xIiwgImlhdCI6IDE2OTk5OTk5OTAsICJleHAiOiAxZTQwMH0.8TXJgqGji2vqr4-YyVKvimg3Kl6Z97qas8SvLUsfjm4", "", "Cookie: c=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiAiaHR0cHM6Ly9pc3N1ZXIuZXhhbXBsZSIsICJhdWQiOiAiZWRnZSIsICJzdWIiOiAidXNlci0xIiwgImlhdCI6IDE2OTk5OTk5OTAsICJleHAiOiAxZTQwMH0.8TXJgqGji2vqr4-YyVKvimg3Kl6Z97qas8SvLUsfjm4"]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 

=== TEST 204: jwt, wrong-iss
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format jwt;
    key id=hs1 file=hs1;
    key id=rs1 file=rs1 encoding=pem;
    key id=es1 file=es1 encoding=pem;
    jwks file=ed1;
    issuer https://issuer.example;
    audience edge;
    from header query=t cookie=c path;
}
--- config
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs1
0123456789abcdef0123456789abcdef
>>> ../conf/rs1
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/es1
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> ../conf/ed1
{"kty":"OKP","crv":"Ed25519","kid":"ed1","x":"im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo"}
>>> v
shown
--- request eval
["GET /v", "GET /v?t=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2V2aWwiLCJhdWQiOiJlZGdlIiwic3ViIjoidXNlci0xIiwiaWF0IjoxNjk5OTk5OTkwLCJleHAiOjE3MDAwMDAzMDB9.uCs4tIr2GDqYFuEdNPCd5tPIadAmgSUeR_zcFqoC9NY", "GET /v"]
--- more_headers eval
["Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2V2aWwiLCJhdWQiOiJlZGdlIiwic3ViIjoidXNlci0xIiwiaWF0IjoxNjk5OTk5OTkwLCJleHAiOjE3MDAwMDAzMDB9.uCs4tIr2GDqYFuEdNPCd5tPIadAmgSUeR_zcFqoC9NY", "", "Cookie: c=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2V2aWwiLCJhdWQiOiJlZGdlIiwic3ViIjoidXNlci0xIiwiaWF0IjoxNjk5OTk5OTkwLCJleHAiOjE3MDAwMDAzMDB9.uCs4tIr2GDqYFuEdNPCd5tPIadAmgSUeR_zcFqoC9NY"]
--- error_code eval
[403, 403, 403]
--- error_log
token refused: 

=== TEST 205: jwt, unknown-kid
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format jwt;
    key id=hs1 file=hs1;
    key id=rs1 file=rs1 encoding=pem;
    key id=es1 file=es1 encoding=pem;
    jwks file=ed1;
    issuer https://issuer.example;
    audience edge;
    from header query=t cookie=c path;
}
--- config
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs1
0123456789abcdef0123456789abcdef
>>> ../conf/rs1
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/es1
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> ../conf/ed1
{"kty":"OKP","crv":"Ed25519","kid":"ed1","x":"im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo"}
>>> v
shown
--- request eval
["GET /v", "GET /v?t=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6Im5vcGUifQ.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.eINJ2EE9kJiSAJMJICRuwTsA835RY1SWKcBxUsMCHug", "GET /v"]
--- more_headers eval
["Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6Im5vcGUifQ.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.eINJ2EE9kJiSAJMJICRuwTsA835RY1SWKcBxUsMCHug", "", "Cookie: c=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6Im5vcGUifQ.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.eINJ2EE9kJiSAJMJICRuwTsA835RY1SWKcBxUsMCHug"]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 

=== TEST 206: jwt, wrong-key
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format jwt;
    key id=hs1 file=hs1;
    key id=rs1 file=rs1 encoding=pem;
    key id=es1 file=es1 encoding=pem;
    jwks file=ed1;
    issuer https://issuer.example;
    audience edge;
    from header query=t cookie=c path;
}
--- config
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs1
0123456789abcdef0123456789abcdef
>>> ../conf/rs1
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/es1
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> ../conf/ed1
{"kty":"OKP","crv":"Ed25519","kid":"ed1","x":"im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo"}
>>> v
shown
--- request eval
["GET /v", "GET /v?t=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.-_IT12wPwYTvIyrHz6oozk7rrXvovjNj1k23WRBa5Wo", "GET /v"]
--- more_headers eval
["Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.-_IT12wPwYTvIyrHz6oozk7rrXvovjNj1k23WRBa5Wo", "", "Cookie: c=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.-_IT12wPwYTvIyrHz6oozk7rrXvovjNj1k23WRBa5Wo"]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 

=== TEST 207: jwt, sig-truncated
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format jwt;
    key id=hs1 file=hs1;
    key id=rs1 file=rs1 encoding=pem;
    key id=es1 file=es1 encoding=pem;
    jwks file=ed1;
    issuer https://issuer.example;
    audience edge;
    from header query=t cookie=c path;
}
--- config
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs1
0123456789abcdef0123456789abcdef
>>> ../conf/rs1
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/es1
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> ../conf/ed1
{"kty":"OKP","crv":"Ed25519","kid":"ed1","x":"im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo"}
>>> v
shown
--- request eval
["GET /v", "GET /v?t=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.FwDjaHTvcK2WYoWFU0rjAZNFGWaE8E2Tr8JRg-9tT", "GET /v"]
--- more_headers eval
["Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.FwDjaHTvcK2WYoWFU0rjAZNFGWaE8E2Tr8JRg-9tT", "", "Cookie: c=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.FwDjaHTvcK2WYoWFU0rjAZNFGWaE8E2Tr8JRg-9tT"]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 

=== TEST 208: jwt, two-segments
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format jwt;
    key id=hs1 file=hs1;
    key id=rs1 file=rs1 encoding=pem;
    key id=es1 file=es1 encoding=pem;
    jwks file=ed1;
    issuer https://issuer.example;
    audience edge;
    from header query=t cookie=c path;
}
--- config
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs1
0123456789abcdef0123456789abcdef
>>> ../conf/rs1
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/es1
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> ../conf/ed1
{"kty":"OKP","crv":"Ed25519","kid":"ed1","x":"im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo"}
>>> v
shown
--- request eval
["GET /v", "GET /v?t=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ", "GET /v"]
--- more_headers eval
["Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ", "", "Cookie: c=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ"]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 

=== TEST 209: jwt, jwe-header-in-jws
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format jwt;
    key id=hs1 file=hs1;
    key id=rs1 file=rs1 encoding=pem;
    key id=es1 file=es1 encoding=pem;
    jwks file=ed1;
    issuer https://issuer.example;
    audience edge;
    from header query=t cookie=c path;
}
--- config
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs1
0123456789abcdef0123456789abcdef
>>> ../conf/rs1
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/es1
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> ../conf/ed1
{"kty":"OKP","crv":"Ed25519","kid":"ed1","x":"im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo"}
>>> v
shown
--- request eval
["GET /v", "GET /v?t=eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiaHMxIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.C7OlO3G-Cvf6KlQ3ETfk6FkrzV18vKywDG-L2o8d_4s", "GET /v"]
--- more_headers eval
["Authorization: Bearer eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiaHMxIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.C7OlO3G-Cvf6KlQ3ETfk6FkrzV18vKywDG-L2o8d_4s", "", "Cookie: c=eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiaHMxIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.C7OlO3G-Cvf6KlQ3ETfk6FkrzV18vKywDG-L2o8d_4s"]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 

=== TEST 210: jwt, noncanonical-b64
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format jwt;
    key id=hs1 file=hs1;
    key id=rs1 file=rs1 encoding=pem;
    key id=es1 file=es1 encoding=pem;
    jwks file=ed1;
    issuer https://issuer.example;
    audience edge;
    from header query=t cookie=c path;
}
--- config
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs1
0123456789abcdef0123456789abcdef
>>> ../conf/rs1
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/es1
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> ../conf/ed1
{"kty":"OKP","crv":"Ed25519","kid":"ed1","x":"im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo"}
>>> v
shown
--- request eval
["GET /v", "GET /v?t=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.FwDjaHTvcK2WYoWFU0rjAZNFGWaE8E2Tr8JRg-9tTRB", "GET /v"]
--- more_headers eval
["Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.FwDjaHTvcK2WYoWFU0rjAZNFGWaE8E2Tr8JRg-9tTRB", "", "Cookie: c=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.FwDjaHTvcK2WYoWFU0rjAZNFGWaE8E2Tr8JRg-9tTRB"]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 

=== TEST 211: jwt, es256-der-sig
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format jwt;
    key id=hs1 file=hs1;
    key id=rs1 file=rs1 encoding=pem;
    key id=es1 file=es1 encoding=pem;
    jwks file=ed1;
    issuer https://issuer.example;
    audience edge;
    from header query=t cookie=c path;
}
--- config
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs1
0123456789abcdef0123456789abcdef
>>> ../conf/rs1
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/es1
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> ../conf/ed1
{"kty":"OKP","crv":"Ed25519","kid":"ed1","x":"im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo"}
>>> v
shown
--- request eval
["GET /v", "GET /v?t=eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImVzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.MEUCIQDSxIntZqOKofR0vMTe16sHtvEP5EK707RoQwJ3K22JGAIgJ7nMrdOTAb3Ausk1-a4Myo9g3ExVMd4pO7n3-A-7c_4", "GET /v"]
--- more_headers eval
["Authorization: Bearer eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImVzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.MEUCIQDSxIntZqOKofR0vMTe16sHtvEP5EK707RoQwJ3K22JGAIgJ7nMrdOTAb3Ausk1-a4Myo9g3ExVMd4pO7n3-A-7c_4", "", "Cookie: c=eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImVzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.MEUCIQDSxIntZqOKofR0vMTe16sHtvEP5EK707RoQwJ3K22JGAIgJ7nMrdOTAb3Ausk1-a4Myo9g3ExVMd4pO7n3-A-7c_4"]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 

=== TEST 212: jwt, crit-unknown
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format jwt;
    key id=hs1 file=hs1;
    key id=rs1 file=rs1 encoding=pem;
    key id=es1 file=es1 encoding=pem;
    jwks file=ed1;
    issuer https://issuer.example;
    audience edge;
    from header query=t cookie=c path;
}
--- config
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs1
0123456789abcdef0123456789abcdef
>>> ../conf/rs1
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/es1
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> ../conf/ed1
{"kty":"OKP","crv":"Ed25519","kid":"ed1","x":"im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo"}
>>> v
shown
--- request eval
["GET /v", "GET /v?t=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSIsImNyaXQiOlsieCJdLCJ4IjoxfQ.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.ic0ibPnrJdW5V8P-Zd0avv6PH7zYmejSk6UE40hi7ws", "GET /v"]
--- more_headers eval
["Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSIsImNyaXQiOlsieCJdLCJ4IjoxfQ.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.ic0ibPnrJdW5V8P-Zd0avv6PH7zYmejSk6UE40hi7ws", "", "Cookie: c=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSIsImNyaXQiOlsieCJdLCJ4IjoxfQ.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.ic0ibPnrJdW5V8P-Zd0avv6PH7zYmejSk6UE40hi7ws"]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 

=== TEST 213: jwt, embedded-jwk
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format jwt;
    key id=hs1 file=hs1;
    key id=rs1 file=rs1 encoding=pem;
    key id=es1 file=es1 encoding=pem;
    jwks file=ed1;
    issuer https://issuer.example;
    audience edge;
    from header query=t cookie=c path;
}
--- config
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs1
0123456789abcdef0123456789abcdef
>>> ../conf/rs1
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/es1
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> ../conf/ed1
{"kty":"OKP","crv":"Ed25519","kid":"ed1","x":"im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo"}
>>> v
shown
--- request eval
["GET /v", "GET /v?t=eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6InJzMSIsImp3ayI6eyJrdHkiOiJSU0EiLCJuIjoiNnVqLUdzZllZcDZmcTRGRExpekVoNG42NUtjS0N4cUlTcWE4TXBOcU4wRFg3UTd6SEpDc3VIdHc1aVRnZUlwS1BxaldMcl82ZlZTSURhVXVfWmJNODh1bmZKWXRUazdJMVExamNodGtiM2xlUXp5T1VDeTlXb3ROeTZqTjBqeHFYczBhQnltNTRpQUN1Ym5ta015VFZkbzl1NHN3NmZPeS1ySXd5SU41SnZDcEdjM0xfSUcxZEpvTHJRWUpWaEJvb0dnb3FVQ0RvZUhYb2xKY1lrQ1lwTTEyYU5SaW0xREd1RG5BTDdFNHJPb1VUWkZPOE1Gb3o4N1RiMjhQaFpQZllGLW5fNkpJOUpOdFcyamUteENmSGpGcndPTmotS0FacldhUjd3YWt3b0F2VWN1MnJrd1phRXRXZlRKSEJCTlI1MDl5S2N5dVBMUmR1ZGQ1RVJjZk93IiwiZSI6IkFRQUIifX0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.G2CuIPJVtPhCWoC1Mm__LBay7w3NH1FmwV_VRAYmSc29gETaQSzwWQaQbKXur2CrgflalBQraN9lJYYsWvplr13xTj1MEHCcRH7o0t_LOXXqVZlTEzM9lrZl_a0wPYPi40yUt54APK1TnRKXsYuHJv9dtn4dFgTqvXYSB6Fjkcqn-G9QlsrF6bTo_jfbTJPSO9JFLAsBePY3FPAOdTlEnI9tNd9Bkx-RYHji4o_HvwnAUL61T4AH0LZzyioBNy-vpUJeuBjQFIX19XiBFtKoKfRmn9MRUe8lYUyPo-vihFGefTXApj-1zZFKQI5Fj-dFDqKUHiGC8VEmju4pFV8HUQ", "GET /v"]
--- more_headers eval
["Authorization: Bearer eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6InJzMSIsImp3ayI6eyJrdHkiOiJSU0EiLCJuIjoiNnVqLUdzZllZcDZmcTRGRExpekVoNG42NUtjS0N4cUlTcWE4TXBOcU4wRFg3UTd6SEpDc3VIdHc1aVRnZUlwS1BxaldMcl82ZlZTSURhVXVfWmJNODh1bmZKWXRUazdJMVExamNodGtiM2xlUXp5T1VDeTlXb3ROeTZqTjBqeHFYczBhQnltNTRpQUN1Ym5ta015VFZkbzl1NHN3NmZPeS1ySXd5SU41SnZDcEdjM0xfSUcxZEpvTHJRWUpWaEJvb0dnb3FVQ0RvZUhYb2xKY1lrQ1lwTTEyYU5SaW0xREd1RG5BTDdFNHJPb1VUWkZPOE1Gb3o4N1RiMjhQaFpQZllGLW5fNkpJOUpOdFcyamUteENmSGpGcndPTmotS0FacldhUjd3YWt3b0F2VWN1MnJrd1phRXRXZlRKSEJCTlI1MDl5S2N5dVBMUmR1ZGQ1RVJjZk93IiwiZSI6IkFRQUIifX0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.G2CuIPJVtPhCWoC1Mm__LBay7w3NH1FmwV_VRAYmSc29gETaQSzwWQaQbKXur2CrgflalBQraN9lJYYsWvplr13xTj1MEHCcRH7o0t_LOXXqVZlTEzM9lrZl_a0wPYPi40yUt54APK1TnRKXsYuHJv9dtn4dFgTqvXYSB6Fjkcqn-G9QlsrF6bTo_jfbTJPSO9JFLAsBePY3FPAOdTlEnI9tNd9Bkx-RYHji4o_HvwnAUL61T4AH0LZzyioBNy-vpUJeuBjQFIX19XiBFtKoKfRmn9MRUe8lYUyPo-vihFGefTXApj-1zZFKQI5Fj-dFDqKUHiGC8VEmju4pFV8HUQ", "", "Cookie: c=eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6InJzMSIsImp3ayI6eyJrdHkiOiJSU0EiLCJuIjoiNnVqLUdzZllZcDZmcTRGRExpekVoNG42NUtjS0N4cUlTcWE4TXBOcU4wRFg3UTd6SEpDc3VIdHc1aVRnZUlwS1BxaldMcl82ZlZTSURhVXVfWmJNODh1bmZKWXRUazdJMVExamNodGtiM2xlUXp5T1VDeTlXb3ROeTZqTjBqeHFYczBhQnltNTRpQUN1Ym5ta015VFZkbzl1NHN3NmZPeS1ySXd5SU41SnZDcEdjM0xfSUcxZEpvTHJRWUpWaEJvb0dnb3FVQ0RvZUhYb2xKY1lrQ1lwTTEyYU5SaW0xREd1RG5BTDdFNHJPb1VUWkZPOE1Gb3o4N1RiMjhQaFpQZllGLW5fNkpJOUpOdFcyamUteENmSGpGcndPTmotS0FacldhUjd3YWt3b0F2VWN1MnJrd1phRXRXZlRKSEJCTlI1MDl5S2N5dVBMUmR1ZGQ1RVJjZk93IiwiZSI6IkFRQUIifX0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.G2CuIPJVtPhCWoC1Mm__LBay7w3NH1FmwV_VRAYmSc29gETaQSzwWQaQbKXur2CrgflalBQraN9lJYYsWvplr13xTj1MEHCcRH7o0t_LOXXqVZlTEzM9lrZl_a0wPYPi40yUt54APK1TnRKXsYuHJv9dtn4dFgTqvXYSB6Fjkcqn-G9QlsrF6bTo_jfbTJPSO9JFLAsBePY3FPAOdTlEnI9tNd9Bkx-RYHji4o_HvwnAUL61T4AH0LZzyioBNy-vpUJeuBjQFIX19XiBFtKoKfRmn9MRUe8lYUyPo-vihFGefTXApj-1zZFKQI5Fj-dFDqKUHiGC8VEmju4pFV8HUQ"]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 

=== TEST 214: jwt, duplicate-claim
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format jwt;
    key id=hs1 file=hs1;
    key id=rs1 file=rs1 encoding=pem;
    key id=es1 file=es1 encoding=pem;
    jwks file=ed1;
    issuer https://issuer.example;
    audience edge;
    from header query=t cookie=c path;
}
--- config
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs1
0123456789abcdef0123456789abcdef
>>> ../conf/rs1
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/es1
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> ../conf/ed1
{"kty":"OKP","crv":"Ed25519","kid":"ed1","x":"im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo"}
>>> v
shown
--- request eval
["GET /v", "GET /v?t=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsImV4cCI6MTY5OTk5OTkwMCwiZXhwIjoxNzAwMDAwMzAwfQ.ntX23SFe43pw69wI4PwLRi3gFrzSknc4xBr5_EKIlN4", "GET /v"]
--- more_headers eval
["Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsImV4cCI6MTY5OTk5OTkwMCwiZXhwIjoxNzAwMDAwMzAwfQ.ntX23SFe43pw69wI4PwLRi3gFrzSknc4xBr5_EKIlN4", "", "Cookie: c=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsImV4cCI6MTY5OTk5OTkwMCwiZXhwIjoxNzAwMDAwMzAwfQ.ntX23SFe43pw69wI4PwLRi3gFrzSknc4xBr5_EKIlN4"]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 

=== TEST 215: jwt, deep-json
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format jwt;
    key id=hs1 file=hs1;
    key id=rs1 file=rs1 encoding=pem;
    key id=es1 file=es1 encoding=pem;
    jwks file=ed1;
    issuer https://issuer.example;
    audience edge;
    from header query=t cookie=c path;
}
--- config
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs1
0123456789abcdef0123456789abcdef
>>> ../conf/rs1
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/es1
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> ../conf/ed1
{"kty":"OKP","crv":"Ed25519","kid":"ed1","x":"im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo"}
>>> v
shown
--- request eval
["GET /v", "GET /v?t=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJhIjpbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW11dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dfQ.bggzbA3G6ZwPQ7WJX9_864dwXdNMR4NslJY7TbZYE5o", "GET /v"]
--- more_headers eval
["Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJhIjpbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW11dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dfQ.bggzbA3G6ZwPQ7WJX9_864dwXdNMR4NslJY7TbZYE5o", "", "Cookie: c=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJhIjpbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW11dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dfQ.bggzbA3G6ZwPQ7WJX9_864dwXdNMR4NslJY7TbZYE5o"]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 

=== TEST 216: jwt, invalid-utf8
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format jwt;
    key id=hs1 file=hs1;
    key id=rs1 file=rs1 encoding=pem;
    key id=es1 file=es1 encoding=pem;
    jwks file=ed1;
    issuer https://issuer.example;
    audience edge;
    from header query=t cookie=c path;
}
--- config
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs1
0123456789abcdef0123456789abcdef
>>> ../conf/rs1
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/es1
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> ../conf/ed1
{"kty":"OKP","crv":"Ed25519","kid":"ed1","x":"im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo"}
>>> v
shown
--- request eval
["GET /v", "GET /v?t=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiL__iJ9.SBXC_-0aDTi3v1OkVxPnup83f2Nb_VtoA0W9CvL6-KI", "GET /v"]
--- more_headers eval
["Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiL__iJ9.SBXC_-0aDTi3v1OkVxPnup83f2Nb_VtoA0W9CvL6-KI", "", "Cookie: c=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiL__iJ9.SBXC_-0aDTi3v1OkVxPnup83f2Nb_VtoA0W9CvL6-KI"]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 

=== TEST 217: jwt, bearer-prefix-left
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format jwt;
    key id=hs1 file=hs1;
    key id=rs1 file=rs1 encoding=pem;
    key id=es1 file=es1 encoding=pem;
    jwks file=ed1;
    issuer https://issuer.example;
    audience edge;
    from header query=t cookie=c path;
}
--- config
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs1
0123456789abcdef0123456789abcdef
>>> ../conf/rs1
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAljgujGDpie5auzAoNcrY
loU9FTGfTuWrDk8QAv2kCJsCpPNZeM7++yioqywbGDOgY7j6KPYcksD2jg84i+w3
BQM20cor7u9vedXgfPYtlI5Qi9pnoQevtXr154OFOZC1nYKa9/c2Wi6ckObMtR1y
hrTp3nSYge76jA2JU7SXdgxyAm6F9Cizbeqftl3ix3mPnNlCxnzDJlmU3IAlcc9V
UtT3zjxPnyfMV4kIF93n2rTdFj1IGgWtxnVr2DzCjyW7qH4j7mgNyDqGYKEhaqcd
V4Ca0PKb9Uv0PFCcAx7OA8EBKeoCxwAV1o6mwqft9+Cg73RYKbRmaKrbOw35k2cj
OQIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/es1
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> ../conf/ed1
{"kty":"OKP","crv":"Ed25519","kid":"ed1","x":"im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo"}
>>> v
shown
--- request eval
["GET /v", "GET /v?t=Bearer%20eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.FwDjaHTvcK2WYoWFU0rjAZNFGWaE8E2Tr8JRg-9tTRA", "GET /v"]
--- more_headers eval
["Authorization: Bearer Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.FwDjaHTvcK2WYoWFU0rjAZNFGWaE8E2Tr8JRg-9tTRA", "", "Cookie: c=Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImhzMSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiZWRnZSIsInN1YiI6InVzZXItMSIsImlhdCI6MTY5OTk5OTk5MCwiZXhwIjoxNzAwMDAwMzAwfQ.FwDjaHTvcK2WYoWFU0rjAZNFGWaE8E2Tr8JRg-9tTRA"]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 

=== TEST 218: cat, ok-mac0
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format cat;
    key id=Symmetric256 file=hs encoding=hex;
    key id=ec1 file=ec encoding=pem;
    issuer edge-issuer;
    origin https://cdn.example.com;
}
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs
403697de87af64611c1d32a05dab0fe1fcb715a86ab435f1ec99192d79569388
>>> ../conf/ec
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> live/ch1/seg1.m4s
shown
--- request eval
["GET /live/ch1/seg1.m4s?CAT=2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZYGqMBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2WCAtCfLGZdNxMKQJIwyPtOgijfY5rU_OhnzY0zluibvW7w", "GET /live/ch1/seg1.m4s", "GET /live/ch1/seg1.m4s"]
--- more_headers eval
["X-Real-IP: 203.0.113.7", "X-Real-IP: 203.0.113.7\x0aCookie: Common-Access-Token=2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZYGqMBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2WCAtCfLGZdNxMKQJIwyPtOgijfY5rU_OhnzY0zluibvW7w", "X-Real-IP: 203.0.113.7\x0aCommon-Access-Token: 2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZYGqMBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2WCAtCfLGZdNxMKQJIwyPtOgijfY5rU_OhnzY0zluibvW7w"]
--- error_code eval
[200, 200, 200]
--- no_error_log
token refused

=== TEST 219: cat, ok-sign1-es256
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format cat;
    key id=Symmetric256 file=hs encoding=hex;
    key id=ec1 file=ec encoding=pem;
    issuer edge-issuer;
    origin https://cdn.example.com;
}
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs
403697de87af64611c1d32a05dab0fe1fcb715a86ab435f1ec99192d79569388
>>> ../conf/ec
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> live/ch1/seg1.m4s
shown
--- request eval
["GET /live/ch1/seg1.m4s?CAT=2D3ShEOhASahBENlYzFYGqMBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2WEBqgNH3aZNBGOzWrZM8B3M9QRgA7pfDoSwGON069AnBpMeggh9OxiGCIo7obVfkXud66iHKbUXZyjacnC78tI5c", "GET /live/ch1/seg1.m4s", "GET /live/ch1/seg1.m4s"]
--- more_headers eval
["X-Real-IP: 203.0.113.7", "X-Real-IP: 203.0.113.7\x0aCookie: Common-Access-Token=2D3ShEOhASahBENlYzFYGqMBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2WEBqgNH3aZNBGOzWrZM8B3M9QRgA7pfDoSwGON069AnBpMeggh9OxiGCIo7obVfkXud66iHKbUXZyjacnC78tI5c", "X-Real-IP: 203.0.113.7\x0aCommon-Access-Token: 2D3ShEOhASahBENlYzFYGqMBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2WEBqgNH3aZNBGOzWrZM8B3M9QRgA7pfDoSwGON069AnBpMeggh9OxiGCIo7obVfkXud66iHKbUXZyjacnC78tI5c"]
--- error_code eval
[200, 200, 200]
--- no_error_log
token refused

=== TEST 220: cat, ok-catm
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format cat;
    key id=Symmetric256 file=hs encoding=hex;
    key id=ec1 file=ec encoding=pem;
    issuer edge-issuer;
    origin https://cdn.example.com;
}
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs
403697de87af64611c1d32a05dab0fe1fcb715a86ab435f1ec99192d79569388
>>> ../conf/ec
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> live/ch1/seg1.m4s
shown
--- request eval
["GET /live/ch1/seg1.m4s?CAT=2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZYJ6QBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2GQE5gmNHRVRkSEVBRFggLFfsNwieivIdXLoXZVUc_t7DOB2CrX7oyDGL9vDPKsM", "GET /live/ch1/seg1.m4s", "GET /live/ch1/seg1.m4s"]
--- more_headers eval
["X-Real-IP: 203.0.113.7", "X-Real-IP: 203.0.113.7\x0aCookie: Common-Access-Token=2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZYJ6QBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2GQE5gmNHRVRkSEVBRFggLFfsNwieivIdXLoXZVUc_t7DOB2CrX7oyDGL9vDPKsM", "X-Real-IP: 203.0.113.7\x0aCommon-Access-Token: 2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZYJ6QBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2GQE5gmNHRVRkSEVBRFggLFfsNwieivIdXLoXZVUc_t7DOB2CrX7oyDGL9vDPKsM"]
--- error_code eval
[200, 200, 200]
--- no_error_log
token refused

=== TEST 221: cat, ok-catnip-v6
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format cat;
    key id=Symmetric256 file=hs encoding=hex;
    key id=ec1 file=ec encoding=pem;
    issuer edge-issuer;
    origin https://cdn.example.com;
}
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs
403697de87af64611c1d32a05dab0fe1fcb715a86ab435f1ec99192d79569388
>>> ../conf/ec
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> live/ch1/seg1.m4s
shown
--- request eval
["GET /live/ch1/seg1.m4s?CAT=2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZYMaQBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2GQE3gdg2UCABDbgAAAAAAAAAAAAAAAFYIPsSaIbBwXJPrebIBeT35QLE7GDDoO3or9AuPBbKNgtx", "GET /live/ch1/seg1.m4s", "GET /live/ch1/seg1.m4s"]
--- more_headers eval
["X-Real-IP: 2001:db8::1", "X-Real-IP: 2001:db8::1\x0aCookie: Common-Access-Token=2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZYMaQBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2GQE3gdg2UCABDbgAAAAAAAAAAAAAAAFYIPsSaIbBwXJPrebIBeT35QLE7GDDoO3or9AuPBbKNgtx", "X-Real-IP: 2001:db8::1\x0aCommon-Access-Token: 2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZYMaQBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2GQE3gdg2UCABDbgAAAAAAAAAAAAAAAFYIPsSaIbBwXJPrebIBeT35QLE7GDDoO3or9AuPBbKNgtx"]
--- error_code eval
[200, 200, 200]
--- no_error_log
token refused

=== TEST 222: cat, not-yet
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format cat;
    key id=Symmetric256 file=hs encoding=hex;
    key id=ec1 file=ec encoding=pem;
    issuer edge-issuer;
    origin https://cdn.example.com;
}
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs
403697de87af64611c1d32a05dab0fe1fcb715a86ab435f1ec99192d79569388
>>> ../conf/ec
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> live/ch1/seg1.m4s
shown
--- request eval
["GET /live/ch1/seg1.m4s?CAT=2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZYIKQBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2BRplU_E8WCAn5-ZX4nirQt79nQd-K_T7AdGX7iyKxMCulGohv1k32w", "GET /live/ch1/seg1.m4s", "GET /live/ch1/seg1.m4s"]
--- more_headers eval
["X-Real-IP: 203.0.113.7", "X-Real-IP: 203.0.113.7\x0aCookie: Common-Access-Token=2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZYIKQBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2BRplU_E8WCAn5-ZX4nirQt79nQd-K_T7AdGX7iyKxMCulGohv1k32w", "X-Real-IP: 203.0.113.7\x0aCommon-Access-Token: 2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZYIKQBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2BRplU_E8WCAn5-ZX4nirQt79nQd-K_T7AdGX7iyKxMCulGohv1k32w"]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 

=== TEST 223: cat, wrong-key
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format cat;
    key id=Symmetric256 file=hs encoding=hex;
    key id=ec1 file=ec encoding=pem;
    issuer edge-issuer;
    origin https://cdn.example.com;
}
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs
403697de87af64611c1d32a05dab0fe1fcb715a86ab435f1ec99192d79569388
>>> ../conf/ec
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> live/ch1/seg1.m4s
shown
--- request eval
["GET /live/ch1/seg1.m4s?CAT=2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZYGqMBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2WCC_aXyve_Qw0qmqiKMmOj4oe-HQYzd0CH9mwu6Hb_vm1Q", "GET /live/ch1/seg1.m4s", "GET /live/ch1/seg1.m4s"]
--- more_headers eval
["X-Real-IP: 203.0.113.7", "X-Real-IP: 203.0.113.7\x0aCookie: Common-Access-Token=2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZYGqMBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2WCC_aXyve_Qw0qmqiKMmOj4oe-HQYzd0CH9mwu6Hb_vm1Q", "X-Real-IP: 203.0.113.7\x0aCommon-Access-Token: 2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZYGqMBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2WCC_aXyve_Qw0qmqiKMmOj4oe-HQYzd0CH9mwu6Hb_vm1Q"]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 

=== TEST 224: cat, unknown-kid
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format cat;
    key id=Symmetric256 file=hs encoding=hex;
    key id=ec1 file=ec encoding=pem;
    issuer edge-issuer;
    origin https://cdn.example.com;
}
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs
403697de87af64611c1d32a05dab0fe1fcb715a86ab435f1ec99192d79569388
>>> ../conf/ec
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> live/ch1/seg1.m4s
shown
--- request eval
["GET /live/ch1/seg1.m4s?CAT=2D3RhEOhAQWhBENvbGRYGqMBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2WCAtCfLGZdNxMKQJIwyPtOgijfY5rU_OhnzY0zluibvW7w", "GET /live/ch1/seg1.m4s", "GET /live/ch1/seg1.m4s"]
--- more_headers eval
["X-Real-IP: 203.0.113.7", "X-Real-IP: 203.0.113.7\x0aCookie: Common-Access-Token=2D3RhEOhAQWhBENvbGRYGqMBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2WCAtCfLGZdNxMKQJIwyPtOgijfY5rU_OhnzY0zluibvW7w", "X-Real-IP: 203.0.113.7\x0aCommon-Access-Token: 2D3RhEOhAQWhBENvbGRYGqMBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2WCAtCfLGZdNxMKQJIwyPtOgijfY5rU_OhnzY0zluibvW7w"]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 

=== TEST 225: cat, catm-post
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format cat;
    key id=Symmetric256 file=hs encoding=hex;
    key id=ec1 file=ec encoding=pem;
    issuer edge-issuer;
    origin https://cdn.example.com;
}
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs
403697de87af64611c1d32a05dab0fe1fcb715a86ab435f1ec99192d79569388
>>> ../conf/ec
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> live/ch1/seg1.m4s
shown
--- request eval
["POST /live/ch1/seg1.m4s?CAT=2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZYIqQBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2GQE5gWNHRVRYIFtBJ0kzNB2hYbnKC4sIGE5_WUETOYvMR-myYFiaxFnN", "POST /live/ch1/seg1.m4s", "POST /live/ch1/seg1.m4s"]
--- more_headers eval
["X-Real-IP: 203.0.113.7", "X-Real-IP: 203.0.113.7\x0aCookie: Common-Access-Token=2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZYIqQBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2GQE5gWNHRVRYIFtBJ0kzNB2hYbnKC4sIGE5_WUETOYvMR-myYFiaxFnN", "X-Real-IP: 203.0.113.7\x0aCommon-Access-Token: 2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZYIqQBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2GQE5gWNHRVRYIFtBJ0kzNB2hYbnKC4sIGE5_WUETOYvMR-myYFiaxFnN"]
--- error_code eval
[403, 403, 403]
--- error_log
token refused: 

=== TEST 226: cat, alg-confusion-hmac-with-ec-public
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format cat;
    key id=Symmetric256 file=hs encoding=hex;
    key id=ec1 file=ec encoding=pem;
    issuer edge-issuer;
    origin https://cdn.example.com;
}
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs
403697de87af64611c1d32a05dab0fe1fcb715a86ab435f1ec99192d79569388
>>> ../conf/ec
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> live/ch1/seg1.m4s
shown
--- request eval
["GET /live/ch1/seg1.m4s?CAT=2D3RhEOhAQWhBENlYzFYGqMBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2WCD0TkOB7OMpvgVwCLUFNQI2dHKY9Z8NogA8Ed0u0LuBcA", "GET /live/ch1/seg1.m4s", "GET /live/ch1/seg1.m4s"]
--- more_headers eval
["X-Real-IP: 203.0.113.7", "X-Real-IP: 203.0.113.7\x0aCookie: Common-Access-Token=2D3RhEOhAQWhBENlYzFYGqMBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2WCD0TkOB7OMpvgVwCLUFNQI2dHKY9Z8NogA8Ed0u0LuBcA", "X-Real-IP: 203.0.113.7\x0aCommon-Access-Token: 2D3RhEOhAQWhBENlYzFYGqMBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2WCD0TkOB7OMpvgVwCLUFNQI2dHKY9Z8NogA8Ed0u0LuBcA"]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 

=== TEST 227: cat, empty-protected
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format cat;
    key id=Symmetric256 file=hs encoding=hex;
    key id=ec1 file=ec encoding=pem;
    issuer edge-issuer;
    origin https://cdn.example.com;
}
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs
403697de87af64611c1d32a05dab0fe1fcb715a86ab435f1ec99192d79569388
>>> ../conf/ec
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> live/ch1/seg1.m4s
shown
--- request eval
["GET /live/ch1/seg1.m4s?CAT=2D3RhEChBExTeW1tZXRyaWMyNTZYGqMBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2WCCJQSV-nVBVuHr4JqwQzUym6y23JRJHvX_HRjSt-0iQgA", "GET /live/ch1/seg1.m4s", "GET /live/ch1/seg1.m4s"]
--- more_headers eval
["X-Real-IP: 203.0.113.7", "X-Real-IP: 203.0.113.7\x0aCookie: Common-Access-Token=2D3RhEChBExTeW1tZXRyaWMyNTZYGqMBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2WCCJQSV-nVBVuHr4JqwQzUym6y23JRJHvX_HRjSt-0iQgA", "X-Real-IP: 203.0.113.7\x0aCommon-Access-Token: 2D3RhEChBExTeW1tZXRyaWMyNTZYGqMBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2WCCJQSV-nVBVuHr4JqwQzUym6y23JRJHvX_HRjSt-0iQgA"]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 

=== TEST 228: cat, unknown-critical-claim
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format cat;
    key id=Symmetric256 file=hs encoding=hex;
    key id=ec1 file=ec encoding=pem;
    issuer edge-issuer;
    origin https://cdn.example.com;
}
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs
403697de87af64611c1d32a05dab0fe1fcb715a86ab435f1ec99192d79569388
>>> ../conf/ec
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> live/ch1/seg1.m4s
shown
--- request eval
["GET /live/ch1/seg1.m4s?CAT=2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZYHqQBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2GQFCoFggdl0pOMrNFuNRRg_M_EuDFgYqoGRI1W2ueYSR6lbFW60", "GET /live/ch1/seg1.m4s", "GET /live/ch1/seg1.m4s"]
--- more_headers eval
["X-Real-IP: 203.0.113.7", "X-Real-IP: 203.0.113.7\x0aCookie: Common-Access-Token=2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZYHqQBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2GQFCoFggdl0pOMrNFuNRRg_M_EuDFgYqoGRI1W2ueYSR6lbFW60", "X-Real-IP: 203.0.113.7\x0aCommon-Access-Token: 2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZYHqQBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2GQFCoFggdl0pOMrNFuNRRg_M_EuDFgYqoGRI1W2ueYSR6lbFW60"]
--- error_code eval
[403, 403, 403]
--- error_log
token refused: 

=== TEST 229: cat, truncated
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format cat;
    key id=Symmetric256 file=hs encoding=hex;
    key id=ec1 file=ec encoding=pem;
    issuer edge-issuer;
    origin https://cdn.example.com;
}
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs
403697de87af64611c1d32a05dab0fe1fcb715a86ab435f1ec99192d79569388
>>> ../conf/ec
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> live/ch1/seg1.m4s
shown
--- request eval
["GET /live/ch1/seg1.m4s?CAT=2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZYGqMBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2WCAtCfLGZdNxMKQJIwyPtOgijfY5rU_OhnzY", "GET /live/ch1/seg1.m4s", "GET /live/ch1/seg1.m4s"]
--- more_headers eval
["X-Real-IP: 203.0.113.7", "X-Real-IP: 203.0.113.7\x0aCookie: Common-Access-Token=2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZYGqMBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2WCAtCfLGZdNxMKQJIwyPtOgijfY5rU_OhnzY", "X-Real-IP: 203.0.113.7\x0aCommon-Access-Token: 2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZYGqMBa2VkZ2UtaXNzdWVyBBplU_IsBhplU_D2WCAtCfLGZdNxMKQJIwyPtOgijfY5rU_OhnzY"]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 

=== TEST 230: cat, overlong
--- http_config
test_clock 1700000000;
large_client_header_buffers 4 32k;
token_profile p {
    format cat;
    key id=Symmetric256 file=hs encoding=hex;
    key id=ec1 file=ec encoding=pem;
    issuer edge-issuer;
    origin https://cdn.example.com;
}
--- config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
location / { token_auth p; root html; }
--- user_files
>>> ../conf/hs
403697de87af64611c1d32a05dab0fe1fcb715a86ab435f1ec99192d79569388
>>> ../conf/ec
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg5QHiJW0rRiwUapgDYvim9YAielz
tBto0XdSoFTUhmj0ynQjXNKRzoC2OpvCxLzBPHIjG4OhJ4yW3GLVCgcsKA==
-----END PUBLIC KEY-----
>>> live/ch1/seg1.m4s
shown
--- request eval
["GET /live/ch1/seg1.m4s?CAT=2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZZH16kAWtlZGdlLWlzc3VlcgQaZVPyLAYaZVPw9gJ5H0BBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQVggNfvfRJ1pyLz23ukYLv1QxRf-uRQls0plokN4RN4lzqQ", "GET /live/ch1/seg1.m4s", "GET /live/ch1/seg1.m4s"]
--- more_headers eval
["X-Real-IP: 203.0.113.7", "X-Real-IP: 203.0.113.7\x0aCookie: Common-Access-Token=2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZZH16kAWtlZGdlLWlzc3VlcgQaZVPyLAYaZVPw9gJ5H0BBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQVggNfvfRJ1pyLz23ukYLv1QxRf-uRQls0plokN4RN4lzqQ", "X-Real-IP: 203.0.113.7\x0aCommon-Access-Token: 2D3RhEOhAQWhBExTeW1tZXRyaWMyNTZZH16kAWtlZGdlLWlzc3VlcgQaZVPyLAYaZVPw9gJ5H0BBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQVggNfvfRJ1pyLz23ukYLv1QxRf-uRQls0plokN4RN4lzqQ"]
--- error_code eval
[401, 401, 401]
--- error_log
token refused: 
