# What `redis` refuses while nginx reads its configuration, and what it accepts. Nothing connects.
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== TEST 1: addresses and parameters
--- http_config
upstream_table apps { zone 1m; redis CASE; }
--- user_files
>>> ../conf/pass
secret
>>> ../conf/empty
--- conf_cases
# no address
db=1
=> "redis" directive has no address
# a port out of range
127.0.0.1:70000
=> invalid address "127.0.0.1:70000" in "redis" directive, it must be HOST, HOST:PORT or unix:/PATH
# an address that is none
10.0.0.256
=> invalid address "10.0.0.256" in "redis" directive, it must be HOST, HOST:PORT or unix:/PATH
# a URL
redis://127.0.0.1:6379
=> invalid address "redis://127.0.0.1:6379" in "redis" directive, it must be HOST, HOST:PORT or unix:/PATH
# a relative socket
unix:redis.sock
=> invalid address "unix:redis.sock" in "redis" directive, it must be HOST, HOST:PORT or unix:/PATH
# an unknown parameter
127.0.0.1 timeout=1s
=> invalid parameter "timeout=1s" in "redis" directive
# a parameter twice
127.0.0.1 db=1 db=2
=> duplicate parameter "db" in "redis" directive
# no value
127.0.0.1 user=
=> invalid value "user=" in "redis" directive
# a database that is no number
127.0.0.1 db=x
=> invalid value "db=x" in "redis" directive
# a database below zero
127.0.0.1 db=-1
=> invalid value "db=-1" in "redis" directive
# a user without a password
127.0.0.1 user=nginx
=> "user" needs "password_file" in "redis" directive
# a Sentinel's user without a password
127.0.0.1 sentinel=main sentinel_user=nginx
=> "sentinel_user" needs "sentinel_password_file" in "redis" directive
# a Sentinel's password without a Sentinel
127.0.0.1 sentinel_password_file=pass
=> "sentinel_…" needs "sentinel" in "redis" directive
# a password file that is not there
127.0.0.1 password_file=none
=> cannot load key file "*/conf/none" (2: No such file or directory) in "redis" directive
# an empty password file
127.0.0.1 password_file=empty
=> [warn] key file "*/conf/empty" is readable by every user of this machine
=> key file "*/conf/empty" is empty in "redis" directive
# twice
127.0.0.1; redis 127.0.0.2
=> "redis" directive is duplicate

=== TEST 2: what is accepted
--- http_config
upstream_table apps { zone 1m; redis CASE; }
--- user_files
>>> ../conf/pass
secret
--- conf_cases
# everything at once
127.0.0.1 127.0.0.2:7000 [::1]:7000 unix:/run/redis.sock user=nginx password_file=pass db=3 prefix=app:
=> [warn] key file "*/conf/pass" is readable by every user of this machine
# Sentinels by name
one.test two.test:7000 sentinel=main
=> ok

=== TEST 3: the API writes to the store
--- http_config
upstream_table apps { zone 1m; redis 127.0.0.1; }
--- config
location /a/ { upstream_api apps CASE; }
--- conf_cases
# changes
write=on
=> ok
# reading only
write=off
=> ok

=== TEST 4: registrations go to the store
--- http_config
upstream_table apps { zone 1m; redis 127.0.0.1; CASE }
--- config
location = /join { upstream_register apps hosts=*.test insecure; }
--- conf_cases
# hosts
match host;
=> ok
