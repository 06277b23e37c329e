# requires: hooks
#
# Where a task may connect to: ADDRESS:PORT, or a unix socket whose path a socket address has room for.
use Test::Nginx::Socket 'no_plan';

our $Longest = 'unix:/' . 'a' x 106;

run_tests();

__DATA__

=== TEST 1: what is no address
--- http_config
CASE
--- config
location = / { return 204; }
--- conf_cases
# no path
test_task connect unix:;
=> invalid value "unix:" in "test_task" directive
# no port
test_task connect 127.0.0.1;
=> invalid value "127.0.0.1" in "test_task" directive

=== TEST 2: the longest path there is room for
--- http_config eval
"test_task connect $::Longest;"
--- config
location = / { return 204; }
--- request
GET /
--- error_code: 204
--- error_log eval
"test_task: $::Longest: connect() to $::Longest failed (2: No such file or directory) [NotFound]"
--- log_level: notice

=== TEST 3: a longer one
--- http_config eval
"test_task connect ${::Longest}a;"
--- config
--- must_die
--- error_log eval
"invalid value \"${::Longest}a\" in \"test_task\" directive in"
