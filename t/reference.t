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
geoip_policy eu { deny country=XX; status 451; }
geoip_allow all;
geoip_use off;
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
geoip_use eu;
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
    geoip_use $http_x;
    geoip_bypass $http_x;
    geoip_status 403;
    geoip_dry_run off;
    geoip_log_level notice;
    geoip_address $http_x;
    proxy_pass http://apps;
}
location /_apps/ { upstream_api apps write=on body_max=1m; }
location /_gatehouse/ { gatehouse_status; }
--- user_files
>>> ../conf/apps.json
{}
--- config_ok

=== TEST 2: in main
--- main_config
CASE
--- conf_cases
# a digest outside any block
md5_hash $hash "$uri";
=> "md5_hash" directive is not allowed here

=== TEST 3: in http
--- http_config
CASE
--- conf_cases
# a check in an upstream
upstream a { token_auth off; server 127.0.0.1:1; }
=> "token_auth" directive is not allowed here
# a country rule in an upstream
upstream a { geoip_deny country=XX; server 127.0.0.1:1; }
=> "geoip_deny" directive is not allowed here
# a route variable in an upstream
upstream a { upstream_variable $tier apps $host tier; server 127.0.0.1:1; }
=> "upstream_variable" directive is not allowed here
# too few parameters
md5_hash $hash;
=> invalid number of arguments in "md5_hash" directive
# a profile without its block
token_profile video;
=> directive "token_profile" has no opening "{"

=== TEST 4: in a server
--- config
CASE
--- conf_cases
# a digest outside http
md5_hash $hash "$uri";
=> "md5_hash" directive is not allowed here
# a profile
token_profile video { format scalesimple; }
=> "token_profile" directive is not allowed here
# a word nobody knows
token_auth_statuses 403;
=> unknown directive "token_auth_statuses"
# a database
geoip_db a.mmdb;
=> "geoip_db" directive is not allowed here
# a policy
geoip_policy eu { }
=> "geoip_policy" directive is not allowed here
# a table
upstream_table apps { zone 1m; }
=> "upstream_table" directive is not allowed here
# a lookup
upstream_lookup apps $host;
=> "upstream_lookup" directive is not allowed here
# too many parameters
token_auth a b;
=> invalid number of arguments in "token_auth" directive
# neither on nor off
token_auth_dry_run maybe;
=> invalid value "maybe" in "token_auth_dry_run" directive, it must be "on" or "off"
# a directive with a block it has not
geoip_dry_run on { }
=> directive "geoip_dry_run" is not terminated by ";"

=== TEST 5: in a location
--- config
location / { CASE }
--- conf_cases
# a digest
digest $hash md5 "$uri";
=> "digest" directive is not allowed here
# a check in an if
if ($arg_a) { token_auth off; }
=> "token_auth" directive is not allowed here
# a check in limit_except
limit_except GET { token_auth off; }
=> "token_auth" directive is not allowed here
# a GeoIP variable
geoip_variable $city city.names.en;
=> "geoip_variable" directive is not allowed here
# a lookup
upstream_lookup apps $host;
=> "upstream_lookup" directive is not allowed here
