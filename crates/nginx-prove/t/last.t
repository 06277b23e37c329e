use Test::Nginx::Socket 'no_plan';
run_tests();

__DATA__

=== TEST 1: runs
--- config
--- request
GET /
--- LAST

=== TEST 2: is left out
--- config
--- request
GET /nothing
