# requires: hooks
#
# Requests that wait in a phase: for time, for another location's answer.
use Test::Nginx::Socket 'no_plan';

our $Wait = <<'_EOC_';
    error_page 403 504 /no;
    location = /no { return 200 "no"; }
    location = /sleep { test_wait sleep 20; test_content echo; }
    location = /never { test_wait never; test_content echo; }
    location = /panic { test_wait panic; test_content echo; }
    location = /fetch { test_wait fetch /inside; test_content echo; }
    location = /refused { test_wait fetch /outside; test_content echo; }
    location = /missing { test_wait fetch /nothing; test_content echo; }
    location = /proxied { test_wait fetch /behind; test_content echo; }
    location = /long { test_wait fetch /stream; test_content echo; }
    location = /loop { test_wait fetch /loop; test_content echo; }
    location = /inside { internal; return 200 "inside: $args"; }
    location = /outside { internal; return 401 "secret"; }
    location = /behind { internal; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A/asked; }
    location = /stream { internal; test_content stream 3; }
_EOC_

run_tests();

__DATA__

=== TEST 1: time passes, the request goes on with its body
--- http_upstream: a
--- config eval: $::Wait
--- request eval
["GET /sleep", "POST /sleep
body"]
--- response_body eval
["", "body"]

=== TEST 2: patience ends
--- http_upstream: a
--- config eval: $::Wait
--- request
GET /never
--- error_code: 504
--- response_body: no
--- timeout: 10
--- error_log
test_wait: never is over

=== TEST 3: a panic in the task is a 500 of this request
--- http_upstream: a
--- config eval: $::Wait
--- request eval
["GET /panic", "GET /sleep"]
--- error_code eval
[500, 200]
--- error_log eval
qr/\[alert\] .*internal error at src\/hooks\/requests\.rs:\d+: test_wait panic, while testing a wait/

=== TEST 4: another location's answer, which the client does not see
--- http_upstream: a
--- config eval: $::Wait
--- request eval
["GET /fetch?a=b", "POST /fetch?c=d
body"]
--- response_body eval
["", "body"]
--- error_log
test_wait: 200 inside: a=b
test_wait: 200 inside: c=d

=== TEST 5: another location refuses, or is not there
--- http_upstream: a
--- config eval: $::Wait
--- request eval
["GET /refused", "GET /missing"]
--- error_code eval
[403, 403]
--- response_body eval
["no", "no"]
--- error_log
test_wait: 401
test_wait: 404

=== TEST 6: a backend is asked, without the client's body
--- http_upstream: a
--- config eval: $::Wait
--- request
POST /proxied
body
--- response_body: body
--- error_log eval
[qr/test_wait: 200 name=a/]

=== TEST 7: an answer that is too long
--- http_upstream: a
--- config eval: $::Wait
--- request eval
["GET /long", "GET /sleep"]
--- error_code eval
[403, 200]
--- error_log
too big subrequest response
test_wait: the subrequest failed

=== TEST 8: in each part of a page: access control is the page's, so parts do not wait
--- http_upstream: a
--- config eval: $::Wait . 'location = /p.html { ssi on; test_wait sleep 20; }'
--- user_files
>>> p.html
before <!--# include virtual="/never" --> after
--- request
GET /p.html
--- response_body
before  after

=== TEST 9: several on one connection
--- http_upstream: a
--- config eval: $::Wait
--- pipelined_requests eval
["GET /sleep", "GET /fetch", "POST /sleep
body", "GET /refused"]
--- error_code eval
[200, 200, 200, 403]
--- response_body eval
["", "", "body", "no"]

=== TEST 10: again where the request is sent: index, error_page
--- http_upstream: a
--- config eval: $::Wait . 'location /dir/ { index i.html; test_wait sleep 20; } location = /dir/i.html { test_wait sleep 20; error_page 403 =200 /sleep; test_content status 403; }'
--- user_files
>>> dir/i.html
--- request
GET /dir/
--- response_body:
--- no_error_log
[error]
