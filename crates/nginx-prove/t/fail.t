# Blocks that must FAIL. The runner's integration test checks every verdict; CI never runs this file as a suite.
use Test::Nginx::Socket 'no_plan';
run_tests();

__DATA__

=== body
--- config
location / { return 200 "a\n"; }
--- request
GET /
--- response_body
b

=== status by default
--- config
location / { return 403; }
--- request
GET /

=== header
--- config
location / { return 200; }
--- request
GET /
--- response_headers
X-A: 1

=== missing error_log line
--- config
location / { return 200; }
--- request
GET /
--- error_log
never said

=== unwanted error_log line
--- config
location / { root html; }
--- request
GET /none
--- error_code: 404
--- no_error_log
[error]

=== undeclared severe line
--- config
location / { root /proc/1/root/proc/1/nothing; }
location = /x { proxy_pass http://unix:/nowhere; }
--- request
GET /x
--- error_code: 502

=== must die but lives
--- config
--- must_die

=== does not start
--- config
nonsense;
--- request
GET /

=== config_ok refused
--- config
nonsense;
--- config_ok

=== unknown section
--- config
--- request
GET /
--- response_header
X: y

=== unknown filter
--- config evall
"x"
--- request
GET /

=== eval too clever
--- config eval
map { chr } 65 .. 70
--- request
GET /

=== undefined name
--- config
location / { return 200 "$TEST_NGINX_NOBODY_SETS_THIS"; }
--- request
GET /

=== no request
--- config

=== array needed
--- config
--- request eval
["GET /", "GET /"]
--- error_code: 200

=== timeout
--- http_upstream: a
--- config
location / { proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- request
GET /hang
--- timeout: 100ms

=== websocket says something else
--- ws_upstream: echo
--- config
location / {
    proxy_pass http://127.0.0.1:$TEST_NGINX_WS_PORT;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection upgrade;
}
--- ws_connect: /
--- ws_script
send text "a"
recv text "b"

=== websocket refused
--- config
location / { return 403; }
--- ws_connect: /
--- ws_script
recv eof

=== websocket not refused
--- ws_upstream: echo
--- config
location / {
    proxy_pass http://127.0.0.1:$TEST_NGINX_WS_PORT;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection upgrade;
}
--- ws_connect: /
--- ws_error_code: 403

=== websocket closed while open is expected
--- ws_upstream: close 1001
--- config
location / {
    proxy_pass http://127.0.0.1:$TEST_NGINX_WS_PORT;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection upgrade;
}
--- ws_connect: /
--- ws_script
expect_open 2s

=== body too short
--- http_upstream: a
--- config
location / { proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- request
GET /truncated

=== file outside the root
--- config
--- user_files
>>> ../../escape.txt
x
--- request
GET /

=== a worker that dies
--- config
location / { return 200; }
--- main_config
worker_rlimit_nofile 3;
--- request
GET /
--- ignore_response
--- abort
--- timeout: 100ms

=== a text that never may come
--- config
location / { rewrite_log on; rewrite ^/(.*)forbidden$ /index.html break; root html; }
--- log_level: notice
--- request
GET /forbidden
--- error_log
index.html

=== a table
--- http_config
CASE
--- conf_cases
# another message
nonsense;
=> unknown directive "sense"
# another line
nonsense;
=> unknown directive "nonsense" @ nginx.conf:1
# accepted, but should not be
=> unknown directive "nonsense"
# refused, but should not be
nonsense;
=> ok
# a warning too many
server { listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1; server_name a.test; }
server { listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1; server_name a.test; }
=> ok

=== a table with a request
--- http_config
CASE
--- request
GET /
--- conf_cases
# x
=> ok

=== a table without its place
--- conf_cases
# x
nonsense;
=> ok

=== a row that says nothing
--- http_config
CASE
--- conf_cases
# x
nonsense;
