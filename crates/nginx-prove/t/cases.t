use Test::Nginx::Socket 'no_plan';
run_tests();

__DATA__

=== TEST 1: in http
--- http_config
map $uri $before { default 1; }
CASE
--- user_files
>>> ../conf/extra.conf

root a; root b;
--- conf_cases
# a directive nobody knows
nonsense;
=> unknown directive "nonsense"

# on its second line
map $uri $x { default 1; }
map $uri x { default 1; }
=> invalid variable name "x"
# in another file
include extra.conf;
=> "root" directive is duplicate @ extra.conf:2
# without a place
log_format x $no_such_variable;
access_log logs/x.log x;
=> unknown "no_such_variable" variable @ -
# a file that is not there
include none.conf;
=> open() "*/conf/none.conf" failed (2: No such file or directory)
# well
map $uri $y { default 2; }
=> ok
# well, but with a word about it
server { listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1; server_name a.test; }
server { listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1; server_name a.test; }
=> [warn] conflicting server name "a.test" on 127.0.0.1:*, ignored @ -

=== TEST 2: in a file
--- config
include extra.conf;
--- user_files
>>> ../conf/extra.conf
CASE
--- conf_cases
# its line
root a; root b;
=> "root" directive is duplicate @ extra.conf:1
