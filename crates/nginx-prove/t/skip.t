# Blocks that must be skipped.
use Test::Nginx::Socket 'no_plan';
run_tests();

__DATA__

=== TEST 1: by hand
--- SKIP
not today

=== TEST 2: by version
--- skip_nginx
3: > 1.0.0
--- config
--- request
GET /

=== TEST 3: not this time
--- skip_nginx
3: < 1.0.0
--- config
--- request
GET /
