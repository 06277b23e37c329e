# What the geoip directives refuse while nginx reads its configuration: always with directive or file, and file:line.
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== TEST 1: the words of a rule
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
--- config
CASE
--- user_files
>>> ../conf/countries.txt
# refused
RU
Belarus
--- conf_cases
# an unknown field
geoip_deny planet=mars;
=> unknown field "planet" in "geoip_deny" directive, it must be "country", "registered_country", "continent", "subdivision", "city", "asn", "eu", "anonymous", "unknown" or "address"
# an unknown field beside a known one
geoip_allow country=FR towns=Lyon;
=> unknown field "towns" in "geoip_allow" directive, it must be "country", "registered_country", "continent", "subdivision", "city", "asn", "eu", "anonymous", "unknown" or "address"
# bad country codes
geoip_deny country=FR,Russia;
=> invalid country "Russia" in "geoip_deny" directive, it must be two letters, ISO 3166-1 alpha-2
# an empty value in a list
geoip_deny country=FR,;
=> invalid country "" in "geoip_deny" directive, it must be two letters, ISO 3166-1 alpha-2
# no value at all
geoip_deny country=;
=> invalid country "" in "geoip_deny" directive, it must be two letters, ISO 3166-1 alpha-2
# a digit in a country
geoip_deny country=F1;
=> invalid country "F1" in "geoip_deny" directive, it must be two letters, ISO 3166-1 alpha-2
# a continent that is none
geoip_deny continent=US;
=> invalid continent "US" in "geoip_deny" directive, it must be AF, AN, AS, EU, NA, OC or SA
# eu is yes or no
geoip_deny eu=true;
=> invalid value "eu=true" in "geoip_deny" directive, it must be "eu=yes" or "eu=no"
# unknown is yes
geoip_deny unknown=no;
=> invalid value "unknown=no" in "geoip_deny" directive, it must be "unknown=yes"
# the same field twice in a rule
geoip_deny country=FR country=US;
=> duplicate parameter "country" in "geoip_deny" directive
# a word that is no field
geoip_deny FR;
=> invalid parameter "FR" in "geoip_deny" directive
# a list in a file that is not there
geoip_deny country=@lists/missing.txt;
=> cannot read "*/conf/lists/missing.txt" (2: No such file or directory) in "geoip_deny" directive
# a bad value in a file, with the file's line
geoip_deny country=@countries.txt;
=> invalid country in countries.txt:3 in "geoip_deny" directive, it must be two letters, ISO 3166-1 alpha-2
# rules do not belong into if
if ($arg_a) { geoip_deny all; }
=> "geoip_deny" directive is not allowed here

=== TEST 2: rules and settings without a database
--- config
CASE
--- conf_cases
# an address that is none
geoip_deny address=10.0.0.0/33;
=> invalid address "10.0.0.0/33" in "geoip_deny" directive, it must be an address or a network in CIDR notation
# all stands alone
geoip_deny all country=FR;
=> invalid parameter "all" in "geoip_deny" directive
# a rule without words
geoip_deny;
=> invalid number of arguments in "geoip_deny" directive
# a rule without any database
location = /t { geoip_deny country=RU; }
=> "geoip_deny" needs a "geoip_db"
# unknown=yes without any database
geoip_deny unknown=yes;
=> "geoip_deny" needs a "geoip_db"
# geoip_db belongs to http
geoip_db $TEST_NGINX_DATA/geo.mmdb;
=> "geoip_db" directive is not allowed here
# geoip_variable belongs to http
location = /t { geoip_variable $a country.iso_code; }
=> "geoip_variable" directive is not allowed here
# a status that is a success
geoip_status 200;
=> invalid value "200" in "geoip_status" directive, it must be between 400 and 599, and neither 408 nor 499
# a redirect
geoip_status 302;
=> invalid value "302" in "geoip_status" directive, it must be between 400 and 599, and neither 408 nor 499
# 408, which nginx ends without an answer
geoip_status 408;
=> invalid value "408" in "geoip_status" directive, it must be between 400 and 599, and neither 408 nor 499
# 499
geoip_status 499;
=> invalid value "499" in "geoip_status" directive, it must be between 400 and 599, and neither 408 nor 499
# 600
geoip_status 600;
=> invalid value "600" in "geoip_status" directive, it must be between 400 and 599, and neither 408 nor 499
# no number
geoip_status forbidden;
=> invalid value "forbidden" in "geoip_status" directive, it must be between 400 and 599, and neither 408 nor 499
# geoip_dry_run is on or off
geoip_dry_run yes;
=> invalid value "yes" in "geoip_dry_run" directive, it must be "on" or "off"
# an unknown level
geoip_log_level debug;
=> invalid value "debug" in "geoip_log_level" directive, it must be "info", "notice", "warn" or "error"
# a variable nobody knows in geoip_address
geoip_address $no_such_variable;
=> unknown "no_such_variable" variable @ -
# geoip_status twice
geoip_status 403; geoip_status 410;
=> "geoip_status" directive is duplicate
# geoip_dry_run twice
location = /t { geoip_dry_run on; geoip_dry_run on; }
=> "geoip_dry_run" directive is duplicate
# geoip_address twice
geoip_address $arg_a; geoip_address $arg_b;
=> "geoip_address" directive is duplicate
# geoip_bypass twice
geoip_bypass $arg_a; geoip_bypass $arg_b;
=> "geoip_bypass" directive is duplicate
# geoip_log_level twice
geoip_log_level warn; geoip_log_level warn;
=> "geoip_log_level" directive is duplicate

=== TEST 3: rules that need what no database has
--- http_config
geoip_db $TEST_NGINX_DATA/asn.mmdb;
--- config
CASE
--- user_files
>>> ../conf/rules.conf
location = /t {
    geoip_allow unknown=yes;
    geoip_allow continent=EU;
}
--- conf_cases
# a rule whose field no database has, with the rule's own line
include rules.conf;
=> "geoip_allow": no "geoip_db" has the field "continent" @ rules.conf:3

=== TEST 4: geoip_db
--- http_config
CASE
--- user_files
>>> ../conf/empty.mmdb
--- conf_cases
# a database that is no MaxMind DB
geoip_db $TEST_NGINX_DATA/geo.json;
=> geoip_db "*/t/data/geo.json" is not a MaxMind DB file
# an empty file
geoip_db empty.mmdb;
=> geoip_db "*/conf/empty.mmdb" is not a MaxMind DB file
# a file that is not there
geoip_db missing.mmdb;
=> geoip_db "*/conf/missing.mmdb" cannot be read (2: No such file or directory)
# a directory
geoip_db $TEST_NGINX_DATA;
=> geoip_db "*/t/data" cannot be read (not a regular file)
# a zone too small for anything
geoip_db $TEST_NGINX_DATA/geo.mmdb zone=4k;
=> geoip_db "*/t/data/geo.mmdb": "zone=" is too small: it has 4096 bytes, the database needs 32768 ("zone=32k")
# the same database twice
geoip_db $TEST_NGINX_DATA/geo.mmdb; geoip_db $TEST_NGINX_DATA/geo.mmdb;
=> duplicate geoip_db "geo"
# the same name twice
geoip_db $TEST_NGINX_DATA/geo.mmdb name=a; geoip_db $TEST_NGINX_DATA/asn.mmdb name=a;
=> duplicate geoip_db "a"
# an unknown parameter
geoip_db $TEST_NGINX_DATA/geo.mmdb auto_reload=5m;
=> invalid parameter "auto_reload=5m" in "geoip_db" directive
# an empty name
geoip_db $TEST_NGINX_DATA/geo.mmdb name=;
=> invalid parameter "name=" in "geoip_db" directive
# a parameter twice
geoip_db $TEST_NGINX_DATA/geo.mmdb reload=1s reload=2s;
=> duplicate parameter "reload" in "geoip_db" directive
# a time that is none
geoip_db $TEST_NGINX_DATA/geo.mmdb reload=soon;
=> invalid value "reload=soon" in "geoip_db" directive
# max_age counts seconds
geoip_db $TEST_NGINX_DATA/geo.mmdb max_age=500ms;
=> invalid value "max_age=500ms" in "geoip_db" directive
# a size that is none
geoip_db $TEST_NGINX_DATA/geo.mmdb zone=big;
=> invalid value "zone=big" in "geoip_db" directive
# a variable without any database
geoip_variable $a country.iso_code;
=> "geoip_variable" needs a "geoip_db"
# a database without a name
geoip_db "";
=> invalid value "" in "geoip_db" directive

=== TEST 5: geoip_variable
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
CASE
--- user_files
>>> ../conf/variables.conf

geoip_variable $a db=city country.iso_code;
--- conf_cases
# a variable of a database nobody named
include variables.conf;
=> unknown geoip_db "city" in "geoip_variable" directive @ variables.conf:2
# an empty step in a path
geoip_variable $a country..iso_code;
=> invalid path "country..iso_code" in "geoip_variable" directive
# no path
geoip_variable $a default=x;
=> invalid path "" in "geoip_variable" directive
# a name without its dollar
geoip_variable a country.iso_code;
=> invalid variable name "a"
# a name of nginx's own
geoip_variable $remote_addr country.iso_code;
=> the duplicate "remote_addr" variable
=> variable "$remote_addr" could not be added
# an unknown parameter of a variable
geoip_variable $a country.iso_code fallback=x;
=> invalid parameter "fallback=x" in "geoip_variable" directive
# a parameter of a variable twice
geoip_variable $a country.iso_code default=x default=y;
=> duplicate parameter "default" in "geoip_variable" directive
# an unknown variable as source
geoip_variable $a source=$nobody country.iso_code;
=> unknown "nobody" variable @ -

=== TEST 6: only a metadata marker
--- http_config
geoip_db marker.mmdb;
--- config
--- user_files eval
">>> ../conf/marker.mmdb\n\xab\xcd\xefMaxMind.com"
--- must_die
--- error_log eval
qr{\[emerg\] .*geoip_db "\S+/conf/marker.mmdb" is an invalid MaxMind DB file: .* in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 7: a truncated file: metadata whole, search tree gone
--- http_config
geoip_db short.mmdb;
--- config
--- user_files eval
">>> ../conf/short.mmdb\n\x00\x00\x00\xab\xcd\xefMaxMind.com\xe9[binary_format_major_version\xa2\x00\x02[binary_format_minor_version\xa2\x00\x00Kbuild_epoch\x08\x02\x00\x00\x00\x00eS\xf1\x00Mdatabase_typeSGatehouse-Test-CityKdescription\xe1BenSGatehouse-Test-CityJip_version\xa2\x00\x06Ilanguages\x01\x04BenJnode_count\xc4\x00\x00\x00\xdbKrecord_size\xa2\x00\x18"
--- must_die
--- error_log eval
qr{\[emerg\] .*geoip_db "\S+/conf/short.mmdb" is an invalid MaxMind DB file: .*search tree.* in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 8: a search tree of one node that leads outside the file
--- http_config
geoip_db wild.mmdb;
--- config
--- user_files eval
">>> ../conf/wild.mmdb\n\x00\x40\x00\x00\x00\x01" . "\x00" x 16 . "\xe0\xab\xcd\xefMaxMind.com\xe9[binary_format_major_version\xa2\x00\x02[binary_format_minor_version\xa2\x00\x00Kbuild_epoch\x08\x02\x00\x00\x00\x00eS\xf1\x00Mdatabase_typeSGatehouse-Test-CityKdescription\xe1BenSGatehouse-Test-CityJip_version\xa2\x00\x06Ilanguages\x01\x04BenJnode_count\xc4\x00\x00\x00\x01Krecord_size\xa2\x00\x18"
--- must_die
--- error_log eval
qr{\[emerg\] .*geoip_db "\S+/conf/wild.mmdb" is an invalid MaxMind DB file: .* in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 9: a zone too small for the database, with the directive's line
--- http_config
include db.conf;
--- user_files eval
">>> ../conf/db.conf\n# one\n# two\ngeoip_db big.mmdb zone=64k;\n>>> ../conf/big.mmdb\n\x00\x00\x11\x00\x00\x01" . "\x00" x 16 . "\xe0" . "\x00" x 60000 . "\xab\xcd\xefMaxMind.com\xe9[binary_format_major_version\xa2\x00\x02[binary_format_minor_version\xa2\x00\x00Kbuild_epoch\x08\x02\x00\x00\x00\x00eS\xf1\x00Mdatabase_typeSGatehouse-Test-CityKdescription\xe1BenSGatehouse-Test-CityJip_version\xa2\x00\x06Ilanguages\x01\x04BenJnode_count\xc4\x00\x00\x00\x01Krecord_size\xa2\x00\x18"
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*geoip_db "\S+/conf/big\.mmdb": "zone=" is too small: it has 65536 bytes, the database needs 126976 \("zone=124k"\) in \S+/conf/db\.conf:3$}

=== TEST 10: all of it right
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb name=geo reload=1h max_age=10y zone=1m;
geoip_db $TEST_NGINX_DATA/asn.mmdb reload=0;
geoip_variable $a db=asn source=$arg_ip autonomous_system_number default=0;
geoip_allow continent=EU,AS eu=yes address=10.0.0.0/8;
geoip_allow unknown=yes;
geoip_deny all;
geoip_bypass $arg_a 0;
geoip_status 444;
geoip_dry_run On;
geoip_log_level info;
geoip_address $remote_addr;
--- config
--- config_ok

=== TEST 11: the zone that was named for the database
--- http_config
include db.conf;
--- user_files eval
">>> ../conf/db.conf\n# one\n# two\ngeoip_db big.mmdb zone=124k;\n>>> ../conf/big.mmdb\n\x00\x00\x11\x00\x00\x01" . "\x00" x 16 . "\xe0" . "\x00" x 60000 . "\xab\xcd\xefMaxMind.com\xe9[binary_format_major_version\xa2\x00\x02[binary_format_minor_version\xa2\x00\x00Kbuild_epoch\x08\x02\x00\x00\x00\x00eS\xf1\x00Mdatabase_typeSGatehouse-Test-CityKdescription\xe1BenSGatehouse-Test-CityJip_version\xa2\x00\x06Ilanguages\x01\x04BenJnode_count\xc4\x00\x00\x00\x01Krecord_size\xa2\x00\x18"
--- config_ok

=== TEST 12: the smallest zone that nginx makes, which is what a small database is told to need
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb zone=32k;
--- config
--- config_ok
