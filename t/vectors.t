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
