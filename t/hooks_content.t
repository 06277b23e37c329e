# requires: hooks
#
# Locations that the module answers itself: the request's body, and replies that are made piece by piece.
use Test::Nginx::Socket 'no_plan';

our $Content = <<'_EOC_';
    client_body_buffer_size 1k;
    location = /echo { test_content echo; }
    location = /stream { test_content stream 3; }
    location = /many { test_content stream 300; }
    location = /204 { test_content status 204; }
    location = /404 { test_content status 404; }
    location = /paged { test_content status 404; error_page 404 /page; }
    location = /page { return 200 "the page"; }
    location = /panic { test_content panic; }
    location = /lost { test_content lost; }
    location = /broken { test_content broken; }
    location = /failing { test_content failing; }
    location = /header { test_content header X-Good "a\tb"; }
    location = /two { test_content header X-Bad "a\r\nSet-Cookie: b"; }
    location = /name { test_content header "X Bad" a; }
    location = /nameless { test_content header "" a; }
    location = /length { test_content header content-length 1; }
    location / { return 200 "fine"; }
_EOC_

run_tests();

__DATA__

=== TEST 1: no body, a short one, one in nginx's file
--- config eval: $::Content
--- request eval
["GET /echo", "POST /echo
short", "POST /echo
" . ("long." x 10000)]
--- response_body eval
["", "short", "long." x 10000]
--- response_headers eval
["X-Length: 0", "X-Length: 5", "X-Length: 50000"]

=== TEST 2: a body without a length
--- config eval: $::Content
--- raw_request eval
"POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n7\r\n longer\r\n0\r\n\r\n"
--- response_body: short longer
--- response_headers
X-Length: 12

=== TEST 3: a body that is too large, with a length and without
--- config eval: $::Content
--- raw_request eval
["POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 65537\r\n\r\n" . ("x" x 65537),
"POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n" . ("x" x 65537) . "\r\n0\r\n\r\n"]
--- error_code: 413
--- response_body_like: 413 Request Entity Too Large

=== TEST 4: the largest body
--- config eval: $::Content
--- request eval
"POST /echo
" . ("x" x 65536)
--- response_body eval
"x" x 65536

=== TEST 5: a body that nobody wants is left alone, and the connection goes on
--- config eval: $::Content
--- pipelined_requests eval
["POST /stream
not wanted", "GET /echo", "GET /stream"]
--- response_body_like eval
["^00000001\n.*00000003\n", "^\$", "^00000001\n.*00000003\n"]

=== TEST 6: pieces make one body
--- config eval: $::Content
--- request
GET /stream
--- response_headers
Content-Type: text/plain
! Content-Length
--- response_body eval
("00000001\n" x 3640) . "00000001" . ("00000002\n" x 3640) . "00000002" . ("00000003\n" x 3640) . "00000003"

=== TEST 7: a head only, HTTP/1.0
--- config eval: $::Content
--- request eval
["HEAD /stream", "GET /stream HTTP/1.0"]
--- response_body_like eval
["^\$", "^00000001\n.*00000003\n"]

=== TEST 8: parts of a page
--- config eval: $::Content . 'gzip on; location = /p.html { ssi on; }'
--- user_files
>>> p.html
before <!--# include virtual="/stream" --> between <!--# include virtual="/echo" --> <!--# include virtual="/stream" --> after
--- request
GET /p.html
--- response_body_like: ^before 00000001\n.*00000003 between  00000001\n.*00000003 after\n$

=== TEST 9: an answer without a body; errors have nginx's page, or the location's
--- config eval: $::Content
--- request eval
["GET /204", "GET /404", "GET /paged"]
--- error_code eval
[204, 404, 404]
--- response_body_like eval
["^\$", "404 Not Found", "^the page\$"]

=== TEST 10: a panic is a 500, and the worker goes on
--- config eval: $::Content
--- request eval
["GET /panic", "GET /"]
--- error_code eval
[500, 200]
--- error_log eval
qr/\[alert\] .*internal error at src\/hooks\/requests\.rs:\d+: test_content panic, while testing an answer, client:/

=== TEST 11: a panic in the second piece cuts the reply
--- config eval: $::Content
--- raw_request eval
"GET /broken HTTP/1.1\r\nHost: a\r\n\r\n"
--- ignore_response
--- error_log eval
qr/\[alert\] .*internal error at src\/hooks\/requests\.rs:\d+: test_content broken, while testing an answer, client:/

=== TEST 12: a header that would be two is not sent, nor one whose name is none or nginx's own
--- config eval: $::Content
--- request eval
["GET /header", "GET /two", "GET /name", "GET /nameless", "GET /length"]
--- error_code eval
[200, 500, 500, 500, 500]
--- response_headers eval
["X-Good: a\tb", "! X-Bad
! Set-Cookie", "! X", "Content-Type: text/html", "Content-Type: text/html"]
--- error_log
a reply with a header that cannot be sent

=== TEST 13: a panic of the task that makes the reply is a 500 at once, and the worker goes on
--- config eval: $::Content
--- request eval
["GET /lost", "GET /"]
--- error_code eval
[500, 200]
--- error_log eval
qr/\[alert\] .*internal error at src\/hooks\/requests\.rs:\d+: test_content lost, while testing an answer/
