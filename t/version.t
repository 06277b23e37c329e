# Which version runs: a line in the log, a variable.
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== TEST 1: one notice at the start names the module's version and nginx's
--- config
location = /v { return 200 "$gatehouse_version|$nginx_version"; }
--- request
GET /v
--- response_body_like: ^[0-9]+\.[0-9]+\.[0-9]+\|[0-9.]+$
--- error_log eval
qr/\[notice\] .*gatehouse [0-9]+\.[0-9]+\.[0-9]+ for nginx [0-9]+\.[0-9]+\.[0-9]+$/
--- no_error_log
[warn]

=== TEST 2: nginx -t says nothing of it
--- config
--- config_ok
--- no_error_log
gatehouse

=== TEST 3: a variable of the user's own of this name wins
--- http_config
map $uri $gatehouse_version { default mine; }
--- config
location = /v { return 200 $gatehouse_version; }
--- request
GET /v
--- response_body chomp
mine
