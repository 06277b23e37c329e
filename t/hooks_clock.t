# requires: hooks
#
# The clock of the hooks build, which the vectors rely on: it stands where the configuration puts it.
use Test::Nginx::Socket 'no_plan';

our $Link = 'GET /index.html?ss_token=c36539a4cd0a9e9a3d081122a7389c2b&ss_expiration=1700000600';

run_tests();

__DATA__

=== TEST 1: the last second of a link
--- http_config
test_clock 1700000600;
token_profile p { format scalesimple; key file=key; }
--- config
token_auth p;
--- user_files
>>> ../conf/key
c2NhbGVzaW1wbGUtdGVzdC1rZXktMzItYnl0ZXMhISE=
--- request eval: $::Link
--- response_body_like: It works!

=== TEST 2: a second too late
--- http_config
test_clock 1700000601;
token_profile p { format scalesimple; key file=key; }
--- config
token_auth p;
--- user_files
>>> ../conf/key
c2NhbGVzaW1wbGUtdGVzdC1rZXktMzItYnl0ZXMhISE=
--- request eval: $::Link
--- error_code: 403
--- error_log
token refused: expired

=== TEST 3: no time at all
--- http_config
test_clock noon;
--- config
--- must_die
--- error_log
invalid value "noon" in "test_clock" directive in
