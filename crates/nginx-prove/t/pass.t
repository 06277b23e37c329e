# Blocks that must pass: the runner's own promises, on stock nginx.
use Test::Nginx::Socket 'no_plan';

no_long_string();
our $Loc = <<'_EOC_';
    location = /var { return 200 "var\n"; }
_EOC_

run_tests();

__DATA__

=== TEST 1: a plain request
--- config
location = /t { return 200 "hello\n"; }
--- request
GET /t
--- response_body
hello
--- no_error_log
[error]

=== TEST 2: status and headers
--- config
location = /t { add_header X-A 1; add_header X-A 2; return 204; }
--- request
HEAD /t
--- error_code: 204
--- response_headers
X-A: 1, 2
! X-B

=== TEST 3: variables of the prologue
--- config eval
$::Loc . "location = /b { return 200 '" . "ab" x 3 . "'; }"
--- request eval
["GET /var", "GET /b", "GET /none"]
--- response_body eval
["var\n", "ababab", qr/404 Not Found/]
--- error_code eval
[200, 200, 404]

=== TEST 4: raw request in pieces
--- config
location = /t { return 200 "$arg_a"; }
--- raw_request eval
["GET /t?a=", "b HTTP/1.1\r\nHost: x\r\n", "Connection: close\r\n\r\n"]
--- raw_request_middle_delay: 0.02
--- response_body: b

=== TEST 5: pipelined requests
--- config
location /t { return 200 "$uri $http_x\n"; }
--- pipelined_requests eval
["GET /t1", "GET /t2"]
--- more_headers eval
["X: one", "X: two"]
--- response_body eval
["/t1 one\n", "/t2 two\n"]

=== TEST 6: user files, also outside html and binary
--- config
location = /bin { alias html/sub/b.bin; }
location = /conf { alias conf/extra.txt; }
location = /abs { alias $TEST_NGINX_SERVROOT/html/abs.txt; }
--- user_files eval
">>> sub/b.bin\n\x00\xff\r\n>>> ../conf/extra.txt\nextra\n>>> abs.txt\nport \$TEST_NGINX_SERVER_PORT\n"
--- request eval
["GET /bin", "GET /conf", "GET /abs"]
--- response_body eval
["\x00\xff\r\n", "extra\n", qr/^port \d+\n\z/]

=== TEST 7: the default page
--- config
--- request
GET /
--- response_body_like: It works!

=== TEST 8: nginx must die
--- config
nonsense on;
--- must_die
--- error_log
unknown directive "nonsense"
--- no_error_log
[alert]

=== TEST 9: the configuration is good
--- config
location / { return 200; }
--- config_ok

=== TEST 10: log lines
--- http_config
log_format mine "mine $status $request_uri";
--- config
access_log logs/access.log mine;
location = /missing { root html; }
--- request
GET /missing
--- error_code: 404
--- error_log eval
["open()", qr/\[error\] .*No such file/]
--- no_error_log
[alert]
--- access_log
mine 404 /missing
--- no_access_log
mine 200

=== TEST 11: what reaches the backend
--- http_upstream: a, b
--- config
location /a { proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A/x?y; proxy_set_header X-One " two"; proxy_http_version 1.0; proxy_set_header Connection close; }
location /b/ { proxy_pass http://127.0.0.1:${TEST_NGINX_PORT_B}/; }
--- request eval
["GET /a", "GET /b/status/503", "GET /b/close", "GET /b/accepts"]
--- response_body_like eval
[qr{^name=a\nGET /x\?y HTTP/1\.0\r\nX-One:  two\r\nConnection: close\r\nHost: 127.0.0.1:\d+\r\n\r\n\z}, qr/^name=b\nGET/, qr/502/, qr/^name=b\naccepts=3\n\z/]
--- error_code eval
[200, 503, 502, 200]
--- error_log
upstream prematurely closed connection

=== TEST 12: chunked request body reaches the backend
--- http_upstream: a
--- config
location / { proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; proxy_http_version 1.1; proxy_request_buffering off; }
--- more_headers
Transfer-Encoding: chunked
--- request eval
"POST /up\n5\r\nhello\r\n0\r\n\r\n"
--- response_body_like: hello$

=== TEST 13: an aborted request
--- http_upstream: a
--- config
location / { proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- request
GET /hang
--- timeout: 100ms
--- abort
--- ignore_response

=== TEST 14: WebSocket echo
--- ws_upstream: echo
--- config
location / {
    proxy_pass http://127.0.0.1:$TEST_NGINX_WS_PORT;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection upgrade;
    proxy_set_header X-Seen yes;
}
--- ws_connect: /chat v1.example
--- ws_headers
Origin: http://example.com
--- response_headers
Sec-WebSocket-Protocol: v1.example
--- ws_script
send text "hello \x{e2}\x{82}\x{ac}"
recv text "hello \xe2\x82\xac"
send binary 00ff10
recv binary 00 ff 10
send ping "p"
recv pong "p"
send text "?headers"
recv text like /^GET \/chat HTTP\/1\.1\r\n.*X-Seen: yes\r\n.*Origin: http:\/\/example\.com\r\n/s
send raw 81 85 00000000 68656c6c6f
recv text "hello"
expect_open 50ms
send close 1000 "done"
recv close 1000
recv eof

=== TEST 15: many WebSockets across a reload
--- ws_upstream: echo
--- config
location / {
    proxy_pass http://127.0.0.1:$TEST_NGINX_WS_PORT;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection upgrade;
}
--- ws_connect: /
--- ws_clients: 8
--- ws_script
send text "before"
recv text "before"
reload
send text "after"
recv text "after"
drop

=== TEST 16: a refused handshake
--- config
location / { return 403 "no\n"; }
--- ws_connect: /
--- ws_error_code: 403
--- response_body
no

=== TEST 17: the backend closes
--- ws_upstream: b=close 4001
--- config
location / {
    proxy_pass http://127.0.0.1:$TEST_NGINX_WS_PORT_B;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection upgrade;
}
--- ws_connect: /
--- ws_script
recv close 4001

=== TEST 18: WebSocket frames as plain Test::Nginx bytes
--- ws_upstream: echo
--- config
location / {
    proxy_pass http://127.0.0.1:$TEST_NGINX_WS_PORT;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection upgrade;
}
--- raw_request eval
["GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
 "\x81\x85\x00\x00\x00\x00hello", "\x88\x82\x00\x00\x00\x00\x03\xe8"]
--- raw_request_middle_delay: 0.05
--- error_code: 101
--- response_headers
Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
--- response_body eval
"\x81\x05hello\x88\x02\x03\xe8"

=== TEST 19: an environment variable of nginx's
--- http_config
--- nginx_env
SEEN=by-nginx
--- config
location / { return 200; }
--- config_ok

=== TEST 20: a declared severe line
--- http_config
geo $geo { default 0; }
--- config
location / { return 200; }
--- request
GET /
--- main_config
error_log logs/error.log debug;

=== TEST 21: packets and delays
--- config
location / { return 200 "$request_body_file$content_length"; }
--- request eval
[["POST /\nab", {value => "cd", delay_before => 0.02}]]
--- response_body eval
["4"]

=== TEST 22: chunked responses are decoded
--- http_upstream: a
--- config
location = /inner { return 200 "inner"; }
location / { ssi on; ssi_types text/plain; root html; }
--- user_files
>>> page.txt
[<!--#include virtual="/inner" -->]
--- request
GET /page.txt
--- response_headers
Transfer-Encoding: chunked
--- response_body
[inner]

=== TEST 23: workers of another user reach the files
--- main_config
user nobody nogroup;
--- config
location / { root html; }
--- user_files
>>> a.txt
readable
--- request
GET /a.txt
--- response_body
readable
