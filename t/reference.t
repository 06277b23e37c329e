# Each directive stands where the reference says, with the parameters it says, and nowhere else.
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== TEST 1: http, server and location take what they should
--- http_config
md5_hash $hash "$uri";
digest $mac sha256 "$uri" encoding=base64url;
token_profile video { format scalesimple; key text=secret; }
geoip_db $TEST_NGINX_REPO/t/data/geo.mmdb name=geo zone=1m;
geoip_variable $city db=geo city.names.en default=-;
upstream_table apps { zone 1m; file apps.json; }
upstream_variable $tier apps $host tier default=none;
upstream apps { upstream_lookup apps $host; }
token_auth off;
token_auth_dry_run on;
token_auth_status default=401;
token_auth_strip off;
token_auth_log_level info;
geoip_allow all;
geoip_bypass 0;
geoip_status 451;
geoip_dry_run on;
geoip_log_level info;
geoip_address $remote_addr;
--- config
token_auth video;
token_auth_dry_run off;
token_auth_status expired=410;
token_auth_strip on;
token_auth_log_level error;
geoip_deny country=XX;
geoip_bypass $http_x;
geoip_status 403;
geoip_dry_run off;
geoip_log_level error;
geoip_address $http_x;
location / {
    token_auth off;
    token_auth_dry_run off;
    token_auth_status missing=401;
    token_auth_strip on;
    token_auth_log_level warn;
    geoip_deny country=XX;
    geoip_bypass $http_x;
    geoip_status 403;
    geoip_dry_run off;
    geoip_log_level notice;
    geoip_address $http_x;
    proxy_pass http://apps;
}
--- user_files
>>> ../conf/apps.json
{}
--- config_ok

=== TEST 2: a digest outside http
--- config
md5_hash $hash "$uri";
--- must_die
--- error_log
"md5_hash" directive is not allowed here in

=== TEST 3: a digest in a location
--- config
location / { digest $hash md5 "$uri"; }
--- must_die
--- error_log
"digest" directive is not allowed here in

=== TEST 4: a digest outside any block
--- main_config
md5_hash $hash "$uri";
--- config
--- must_die
--- error_log
"md5_hash" directive is not allowed here in

=== TEST 5: a profile in a server
--- config
token_profile video { format scalesimple; }
--- must_die
--- error_log
"token_profile" directive is not allowed here in

=== TEST 6: a check in an upstream
--- http_config
upstream a { token_auth off; server 127.0.0.1:1; }
--- config
--- must_die
--- error_log
"token_auth" directive is not allowed here in

=== TEST 7: a check in an if
--- config
location / { if ($arg_a) { token_auth off; } }
--- must_die
--- error_log
"token_auth" directive is not allowed here in

=== TEST 8: a check in limit_except
--- config
location / { limit_except GET { token_auth off; } }
--- must_die
--- error_log
"token_auth" directive is not allowed here in

=== TEST 9: a word nobody knows
--- config
token_auth_statuses 403;
--- must_die
--- error_log
unknown directive "token_auth_statuses"

=== TEST 10: a database in a server
--- config
geoip_db a.mmdb;
--- must_die
--- error_log
"geoip_db" directive is not allowed here in

=== TEST 11: a country rule in an upstream
--- http_config
upstream a { geoip_deny country=XX; server 127.0.0.1:1; }
--- config
--- must_die
--- error_log
"geoip_deny" directive is not allowed here in

=== TEST 12: a GeoIP variable in a location
--- config
location / { geoip_variable $city city.names.en; }
--- must_die
--- error_log
"geoip_variable" directive is not allowed here in

=== TEST 13: a table in a server
--- config
upstream_table apps { zone 1m; }
--- must_die
--- error_log
"upstream_table" directive is not allowed here in

=== TEST 14: a lookup in a server
--- config
upstream_lookup apps $host;
--- must_die
--- error_log
"upstream_lookup" directive is not allowed here in

=== TEST 15: a lookup in a location
--- config
location / { upstream_lookup apps $host; }
--- must_die
--- error_log
"upstream_lookup" directive is not allowed here in

=== TEST 16: a route variable in an upstream
--- http_config
upstream a { upstream_variable $tier apps $host tier; server 127.0.0.1:1; }
--- config
--- must_die
--- error_log
"upstream_variable" directive is not allowed here in

=== TEST 17: too few parameters
--- http_config
md5_hash $hash;
--- config
--- must_die
--- error_log
invalid number of arguments in "md5_hash" directive in

=== TEST 18: too many parameters
--- config
token_auth a b;
--- must_die
--- error_log
invalid number of arguments in "token_auth" directive in

=== TEST 19: neither on nor off
--- config
token_auth_dry_run maybe;
--- must_die
--- error_log
invalid value "maybe" in "token_auth_dry_run" directive, it must be "on" or "off" in

=== TEST 20: a profile without its block
--- http_config
token_profile video;
--- config
--- must_die
--- error_log
directive "token_profile" has no opening "{" in

=== TEST 21: a directive with a block it has not
--- config
geoip_dry_run on { }
--- must_die
--- error_log
directive "geoip_dry_run" is not terminated by ";" in
