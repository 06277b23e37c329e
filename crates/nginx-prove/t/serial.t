# serial
use Test::Nginx::Socket 'no_plan';
workers(2);
repeat_each(3);
log_level('debug');
run_tests();

__DATA__

=== TEST 1: three times
--- config
location / { return 200 "x\n"; }
--- request
GET /
--- response_body
x
