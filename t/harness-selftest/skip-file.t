# requires: hooks
# requires: nginx >= 1.0
use Test::Nginx::Socket 'no_plan';
run_tests();

__DATA__

=== TEST 1: needs hooks
--- config
--- request
GET /
