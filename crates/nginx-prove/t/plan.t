# The plan is one short: the runner's integration test checks that this file fails.
use Test::Nginx::Socket;

repeat_each(2);
plan tests => repeat_each() * (blocks() * 3) - 1;
run_tests();

__DATA__

=== TEST 1: status, body and log
--- config
location / { return 200 "a\n"; }
--- request
GET /
--- response_body
a
--- no_error_log
[error]

=== TEST 2: two headers
--- config
location / { add_header A 1; return 204; }
--- request
GET /
--- error_code: 204
--- response_headers
A: 1
! B
