# requires: hooks
#
# A fault of ours never takes nginx down: the guard catches a panic wherever nginx calls us, logs one
# [alert] line and answers with that place's failure value. A crashed worker would be an undeclared
# [alert] of the master's, which fails a block; process ids are compared by the live scenario "panic".
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== TEST 1: in a request
--- config
location = /panic { test_panic request; root html; }
location / { root html; }
--- user_files
>>> index.html
fine
--- request eval
["GET /", "GET /panic", "GET /", "GET /panic", "GET /"]
--- error_code eval
[200, 500, 200, 500, 200]
--- response_body_like eval
[qr/^fine$/, qr/500 Internal Server Error/, qr/^fine$/, qr/500 Internal/, qr/^fine$/]
--- error_log eval
[qr/\[warn\] .*built with test hooks/, qr/\[alert\] \d+#\d+: \*\d+ gatehouse: internal error at src\/hooks\/mod\.rs:\d+: test_panic Request, while testing a request, client: 127\.0\.0\.1, .*request: "GET \/panic HTTP\/1\.1"/]

=== TEST 2: in a request, as an error page sees it
--- config
location = /panic { test_panic request; root html; }
error_page 500 /sorry;
location = /sorry { return 200 "sorry\n"; }
--- request
GET /panic
--- error_code: 500
--- response_body
sorry
--- error_log
internal error at src/hooks/mod.rs

=== TEST 3: in a request after others on the same connection
--- config
location = /panic { test_panic request; root html; }
location / { return 200 "$connection_requests"; }
--- pipelined_requests eval
["GET /a", "GET /b", "GET /panic"]
--- error_code eval
[200, 200, 500]
--- response_body_like eval
[qr/^1$/, qr/^2$/, qr/500 Internal/]
--- error_log
internal error at src/hooks/mod.rs

=== TEST 4: in a subrequest: that part of the page fails
--- http_config
test_panic variable;
--- config
location = /page { default_type text/html; ssi on; ssi_types *; root html; }
location = /panic { return 200 "let in $test_panic"; }
location = /proxied { proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A/gzip; proxy_set_header X-Value $test_panic; }
location = /asked { auth_request /panic; root html; }
--- http_upstream: a
--- user_files
>>> page
before <!--# include virtual="/panic" --> between <!--# include virtual="/proxied" --> after
>>> asked
let in
--- request eval
["GET /page", "GET /asked"]
--- error_code eval
[200, 500]
--- response_body_like eval
[qr/^before .*500 Internal Server Error.* between .*500 Internal Server Error.* after$/s, qr/500 Internal Server Error/]
--- error_log
internal error at src/hooks/mod.rs
test_panic variable
auth request unexpected status: 500

=== TEST 5: in a variable that makes the answer
--- http_config
test_panic variable;
--- config
location = /panic { return 200 "value: $test_panic"; }
location / { return 200 "fine"; }
--- request eval
["GET /", "GET /panic", "GET /", "GET /panic"]
--- error_code eval
[200, 500, 200, 500]
--- response_body_like eval
[qr/^fine$/, qr/^(?!.*value).*500 Internal Server Error/s, qr/^fine$/, qr/500 Internal/]
--- error_log eval
qr/\[alert\] .*gatehouse: internal error at src\/hooks\/mod\.rs:\d+: test_panic variable, while computing a variable, client:/

=== TEST 6: in a variable that decides
--- http_config
test_panic variable;
--- config
location = /if { if ($test_panic = "refused") { return 403; } return 200 "let in"; }
location = /map { set $seen "<$test_panic>"; add_header X-Seen $seen; return 204; }
location = /page { error_page 500 =200 /sorry; return 200 "let in $test_panic"; }
location = /sorry { return 200 "sorry"; }
--- request eval
["GET /if", "GET /map", "GET /page"]
--- error_code eval
[500, 500, 200]
--- response_body_like eval
[qr/500 Internal/, qr/500 Internal/, qr/^sorry$/]
--- error_log
internal error at src/hooks/mod.rs

=== TEST 7: in a variable for the backend: its answer is not passed on
--- http_config
test_panic variable;
--- http_upstream: a
--- config
location / {
    proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A;
    proxy_set_header X-Value "$test_panic";
}
--- request
GET /
--- error_code: 500
--- response_body_like: 500 Internal
--- error_log
internal error at src/hooks/mod.rs

=== TEST 8: in a variable of the access log, after the answer
--- http_config
test_panic variable;
log_format broken "value: $test_panic.";
--- config
access_log logs/access.log broken;
location / { return 200 "fine"; }
--- request eval
["GET /", "GET /"]
--- response_body eval
["fine", "fine"]
--- access_log
value: -.
--- error_log
internal error at src/hooks/mod.rs

=== TEST 9: in a header filter
--- config
location = /panic { test_panic filter; return 200 "page"; }
location / { return 200 "fine"; }
--- request eval
["GET /", "GET /panic", "GET /"]
--- error_code eval
[200, 500, 200]
--- response_body_like eval
[qr/^fine$/, qr/500 Internal/, qr/^fine$/]
--- error_log
internal error at src/hooks/mod.rs
test_panic Filter, while filtering headers

=== TEST 10: in the log phase
--- config
location = /panic { test_panic log; return 200 "page"; }
location / { return 200 "fine"; }
--- request eval
["GET /panic", "GET /"]
--- response_body eval
["page", "fine"]
--- error_log
internal error at src/hooks/mod.rs
test_panic Log, while testing a log entry

=== TEST 11: when a request is given to an upstream
--- http_upstream: a
--- http_config
upstream panics { test_panic_upstream peer_init 127.0.0.1:$TEST_NGINX_PORT_A; }
--- config
location = /panic { proxy_pass http://panics; }
location / { return 200 "fine"; }
--- request eval
["GET /", "GET /panic", "GET /"]
--- error_code eval
[200, 500, 200]
--- error_log
internal error at src/hooks/mod.rs
test_panic peer_init, while choosing a backend

=== TEST 12: when a backend is chosen
--- http_upstream: a
--- http_config
upstream panics { test_panic_upstream peer_get 127.0.0.1:$TEST_NGINX_PORT_A; keepalive 2; zone panics 64k; }
--- config
location = /panic { proxy_pass http://panics; }
location / { return 200 "fine"; }
--- request eval
["GET /", "GET /panic", "GET /"]
--- error_code eval
[200, 502, 200]
--- error_log
internal error at src/hooks/mod.rs
test_panic peer_get, while choosing a backend
no live upstreams while connecting to upstream

=== TEST 13: when a backend is released
--- http_upstream: a
--- http_config
upstream panics { test_panic_upstream peer_free 127.0.0.1:$TEST_NGINX_PORT_A; keepalive 2; }
--- config
location = /panic { proxy_pass http://panics; proxy_http_version 1.1; proxy_set_header Connection ""; }
location = /refused { proxy_pass http://panics/status/503; proxy_next_upstream http_503; }
--- request eval
["GET /panic", "GET /panic", "GET /refused"]
--- error_code eval
[200, 200, 503]
--- error_log
internal error at src/hooks/mod.rs
test_panic peer_free, while releasing a backend

=== TEST 14: in a timer, which goes on
--- http_config
test_panic timer;
--- config
location / { return 200 "fine"; }
--- request
GET /
--- response_body: fine
--- error_log eval
[qr/\[alert\] .*internal error at .*test_panic timer, while testing a timer/, qr/\[notice\] .*test_panic timer lives on/]

=== TEST 15: when a worker starts
--- http_config
test_panic worker;
--- config
location / { return 200 "fine"; }
--- request
GET /
--- response_body: fine
--- error_log
internal error at src/hooks/mod.rs
test_panic worker, while starting a worker

=== TEST 16: in a directive
--- http_config
test_panic configuration;
--- config
--- must_die
--- error_log eval
[qr/\[alert\] .*gatehouse: internal error at src\/hooks\/mod\.rs:\d+: test_panic configuration, while reading the "test_panic" directive$/, qr/\[emerg\] .*internal error while reading the "test_panic" directive in \S+\/nginx\.conf:\d+$/]

=== TEST 17: while locations are merged
--- config
location / { test_panic merge; }
--- must_die
--- error_log eval
[qr/\[alert\] .*internal error at .*test_panic merge, while merging a location/, qr/\[emerg\] .*internal error while merging a location in \S+\/nginx\.conf:\d+$/]

=== TEST 18: when the configuration is completed
--- http_config
test_panic postconfiguration;
--- config
--- must_die
--- error_log eval
[qr/\[alert\] .*internal error at .*test_panic postconfiguration, while completing/, qr/\[emerg\] .*internal error while completing the configuration in \S+\/nginx\.conf:\d+$/]

=== TEST 19: when a zone is prepared
--- http_config
test_panic zone;
--- config
--- must_die
--- error_log eval
[qr/\[alert\] .*internal error at .*test_panic zone, while preparing zone "test_panic"$/, qr/\[emerg\] .*internal error while preparing zone "test_panic" in \S+\/nginx\.conf:\d+$/]

=== TEST 20: what panics at a reload does not at a start
--- http_config
test_panic reload;
--- config
location / { return 200 "fine"; }
--- request
GET /
--- response_body: fine
--- no_error_log
[alert]
