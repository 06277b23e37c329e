# requires: fortune
# requires: nginx >= 1.0
use Test::Nginx::Socket 'no_plan';
run_tests();

__DATA__

=== TEST 1: needs a word nobody provides
--- config
--- request
GET /
