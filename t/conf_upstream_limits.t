# The smallest and the largest values that are taken, and what stands just outside.
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== TEST 1: the outermost values
--- http_config
upstream_table a { zone 1m; file apps.json; check http interval=1s timeout=1s rise=1 fall=1 max_rate=1/s panic=100% idle=0; passive ratio=1% fails=10000 window=1ms; }
upstream_table b { zone 1m; file apps.json; check http max_rate=100000/s panic=0 check_first; passive fails=10001 window=0; }
upstream_table c { zone 1m; file apps.json; check tcp max_rate=7 panic=7 check_first idle=0; passive ratio=100; }
upstream x { upstream_lookup a $host; }
upstream y { upstream_lookup b $host; }
upstream z { upstream_lookup c $host; }
--- user_files
>>> ../conf/apps.json
{}
--- config_ok

=== TEST 2: a word that no check knows
--- http_config
upstream_table a { zone 1m; check http check_frist; }
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid parameter "check_frist" in "check" directive in \S+/conf/nginx\.conf:\d+}

=== TEST 3: a key file without a name
--- http_config
upstream_table a { zone 1m; }
--- config
location = /join { upstream_register a hosts=*.test key_file=; }
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid parameter "key_file=" in "upstream_register" directive in \S+/conf/nginx\.conf:\d+}
