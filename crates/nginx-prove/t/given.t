# requires: luck
use Test::Nginx::Socket 'no_plan';
run_tests();

__DATA__

=== TEST 1: a word the run provides, a name it sets
--- config
location / { return 200 $TEST_NGINX_WORD; }
--- request
GET /
--- response_body chomp
given

=== TEST 2: an error_log that names what never may come
--- config
location / { rewrite_log on; rewrite ^/(.*)forbidden$ /index.html break; root html; }
--- log_level: notice
--- request
GET /forbidden
--- error_log
forbidden
