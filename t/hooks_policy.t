# requires: hooks
#
# What a balancing policy is told of each try, which the hooks build logs.
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    upstream_table apps { zone 1m; file apps.json; passive fails=0 window=1s; }
    upstream backend { upstream_lookup apps $host; }
    proxy_set_header Host $host;
    proxy_read_timeout 300ms;
_EOC_

our $Two = <<'_EOC_';
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A", "http://127.0.0.1:$TEST_NGINX_PORT_B"]},
 "dead.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_RAND_PORT_1"]}}
_EOC_

run_tests();

__DATA__

=== TEST 1: an answer has its status and the time to its header
--- http_upstream: a, b
--- log_level: info
--- http_config eval: $::Http
--- user_files eval: $::Two
--- config
location / { proxy_pass http://backend; }
--- request
GET /
--- more_headers
Host: a.test
--- error_log eval: qr/a try ended: failed false, \d{1,3} ms, status 200/

=== TEST 2: an answer that fails has its status, too
--- http_upstream: a, b
--- log_level: info
--- http_config eval: $::Http
--- user_files eval: $::Two
--- config
location / { proxy_pass http://backend; proxy_next_upstream http_503; }
--- request
GET /status/503
--- more_headers
Host: a.test
--- error_code: 503
--- error_log eval: qr/a try ended: failed true, \d{1,3} ms, status 503/

=== TEST 3: no answer: how long it was waited for
--- http_upstream: a, b
--- log_level: info
--- http_config eval: $::Http
--- user_files eval: $::Two
--- config
location / { proxy_pass http://backend; proxy_next_upstream off; }
--- request
GET /hang
--- more_headers
Host: a.test
--- error_code: 504
--- error_log eval: qr/a try ended: failed true, [3-9]\d\d ms, status 0/

=== TEST 4: no connection
--- http_upstream: a, b
--- log_level: info
--- http_config eval: $::Http
--- user_files eval: $::Two
--- config
location / { proxy_pass http://backend; }
--- request
GET /
--- more_headers
Host: dead.test
--- error_code: 502
--- error_log eval: qr/a try ended: failed true, \d{1,3} ms, status 0/
