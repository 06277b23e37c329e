# What the geoip directives refuse while nginx reads its configuration: always with directive or file, and file:line.
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== TEST 1: an unknown field
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
--- config
geoip_deny planet=mars;
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown field "planet" in "geoip_deny" directive, it must be "country", "continent", "eu", "unknown" or "address" in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 2: an unknown field beside a known one
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
--- config
geoip_allow country=FR towns=Lyon;
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown field "towns" in "geoip_allow" directive, it must be "country", "continent", "eu", "unknown" or "address" in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 3: bad country codes
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
--- config
geoip_deny country=FR,Russia;
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid country "Russia" in "geoip_deny" directive, it must be two letters, ISO 3166-1 alpha-2 in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 4: an empty value in a list
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
--- config
geoip_deny country=FR,;
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid country "" in "geoip_deny" directive, it must be two letters, ISO 3166-1 alpha-2 in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 5: no value at all
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
--- config
geoip_deny country=;
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid country "" in "geoip_deny" directive, it must be two letters, ISO 3166-1 alpha-2 in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 6: a digit in a country
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
--- config
geoip_deny country=F1;
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid country "F1" in "geoip_deny" directive, it must be two letters, ISO 3166-1 alpha-2 in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 7: a continent that is none
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
--- config
geoip_deny continent=US;
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid continent "US" in "geoip_deny" directive, it must be AF, AN, AS, EU, NA, OC or SA in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 8: eu is yes or no
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
--- config
geoip_deny eu=true;
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "eu=true" in "geoip_deny" directive, it must be "eu=yes" or "eu=no" in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 9: unknown is yes
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
--- config
geoip_deny unknown=no;
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "unknown=no" in "geoip_deny" directive, it must be "unknown=yes" in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 10: an address that is none
--- config
geoip_deny address=10.0.0.0/33;
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid address "10.0.0.0/33" in "geoip_deny" directive, it must be an address or a network in CIDR notation in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 11: the same field twice in a rule
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
--- config
geoip_deny country=FR country=US;
--- must_die
--- error_log eval
qr{\[emerg\] .*duplicate parameter "country" in "geoip_deny" directive in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 12: a word that is no field
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
--- config
geoip_deny FR;
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid parameter "FR" in "geoip_deny" directive in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 13: all stands alone
--- config
geoip_deny all country=FR;
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid parameter "all" in "geoip_deny" directive in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 14: a rule without words
--- config
geoip_deny;
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid number of arguments in "geoip_deny" directive in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 15: a list in a file that is not there
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
--- config
geoip_deny country=@lists/missing.txt;
--- must_die
--- error_log eval
qr{\[emerg\] .*cannot read "\S+/conf/lists/missing.txt" \(2: No such file or directory\) in "geoip_deny" directive in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 16: a bad value in a file, with the file's line
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
--- config
geoip_deny country=@countries.txt;
--- user_files
>>> ../conf/countries.txt
# refused
RU
Belarus
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid country "Belarus" in countries.txt:3 in "geoip_deny" directive, it must be two letters, ISO 3166-1 alpha-2 in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 17: a rule without any database
--- config
location = /t {
    geoip_deny country=RU;
}
--- must_die
--- error_log eval
qr{\[emerg\] .*"geoip_deny" needs a "geoip_db" in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 18: unknown=yes without any database
--- config
geoip_deny unknown=yes;
--- must_die
--- error_log eval
qr{\[emerg\] .*"geoip_deny" needs a "geoip_db" in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 19: a rule whose field no database has, with the rule's own line
--- http_config
geoip_db $TEST_NGINX_DATA/asn.mmdb;
--- config
include rules.conf;
--- user_files
>>> ../conf/rules.conf
location = /t {
    geoip_allow unknown=yes;
    geoip_allow continent=EU;
}
--- must_die
--- error_log eval
qr{\[emerg\] .*"geoip_allow": no "geoip_db" has the field "continent" in \S+/conf/rules\.conf:3$}

=== TEST 20: a database that is no MaxMind DB
--- http_config
geoip_db $TEST_NGINX_DATA/geo.json;
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*geoip_db "\S+/geo.json" is not a MaxMind DB file in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 21: an empty file
--- http_config
geoip_db empty.mmdb;
--- config
--- user_files
>>> ../conf/empty.mmdb
--- must_die
--- error_log eval
qr{\[emerg\] .*geoip_db "\S+/conf/empty.mmdb" is not a MaxMind DB file in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 22: a file that is not there
--- http_config
geoip_db missing.mmdb;
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*geoip_db "\S+/conf/missing.mmdb" cannot be read \(2: No such file or directory\) in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 23: a directory
--- http_config
geoip_db $TEST_NGINX_DATA;
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*geoip_db "\S+/t/data" cannot be read \(.*\) in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 24: only a metadata marker
--- http_config
geoip_db marker.mmdb;
--- config
--- user_files eval
">>> ../conf/marker.mmdb\n\xab\xcd\xefMaxMind.com"
--- must_die
--- error_log eval
qr{\[emerg\] .*geoip_db "\S+/conf/marker.mmdb" is an invalid MaxMind DB file: .* in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 25: a truncated file: metadata whole, search tree gone
--- http_config
geoip_db short.mmdb;
--- config
--- user_files eval
">>> ../conf/short.mmdb\n\x00\x00\x00\xab\xcd\xefMaxMind.com\xe9[binary_format_major_version\xa2\x00\x02[binary_format_minor_version\xa2\x00\x00Kbuild_epoch\x08\x02\x00\x00\x00\x00eS\xf1\x00Mdatabase_typeSGatehouse-Test-CityKdescription\xe1BenSGatehouse-Test-CityJip_version\xa2\x00\x06Ilanguages\x01\x04BenJnode_count\xc4\x00\x00\x00\xdbKrecord_size\xa2\x00\x18"
--- must_die
--- error_log eval
qr{\[emerg\] .*geoip_db "\S+/conf/short.mmdb" is an invalid MaxMind DB file: .*search tree.* in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 26: a search tree of one node that leads outside the file
--- http_config
geoip_db wild.mmdb;
--- config
--- user_files eval
">>> ../conf/wild.mmdb\n\x00\x40\x00\x00\x00\x01" . "\x00" x 16 . "\xe0\xab\xcd\xefMaxMind.com\xe9[binary_format_major_version\xa2\x00\x02[binary_format_minor_version\xa2\x00\x00Kbuild_epoch\x08\x02\x00\x00\x00\x00eS\xf1\x00Mdatabase_typeSGatehouse-Test-CityKdescription\xe1BenSGatehouse-Test-CityJip_version\xa2\x00\x06Ilanguages\x01\x04BenJnode_count\xc4\x00\x00\x00\x01Krecord_size\xa2\x00\x18"
--- must_die
--- error_log eval
qr{\[emerg\] .*geoip_db "\S+/conf/wild.mmdb" is an invalid MaxMind DB file: .* in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 27: a zone too small for anything
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb zone=4k;
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*geoip_db "\S+/geo\.mmdb": "zone=" is too small: it has 4096 bytes, the database needs 32768 \("zone=32k"\) in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 28: a zone too small for the database, with the directive's line
--- http_config
include db.conf;
--- user_files eval
">>> ../conf/db.conf\n# one\n# two\ngeoip_db big.mmdb zone=64k;\n>>> ../conf/big.mmdb\n\x00\x00\x11\x00\x00\x01" . "\x00" x 16 . "\xe0" . "\x00" x 60000 . "\xab\xcd\xefMaxMind.com\xe9[binary_format_major_version\xa2\x00\x02[binary_format_minor_version\xa2\x00\x00Kbuild_epoch\x08\x02\x00\x00\x00\x00eS\xf1\x00Mdatabase_typeSGatehouse-Test-CityKdescription\xe1BenSGatehouse-Test-CityJip_version\xa2\x00\x06Ilanguages\x01\x04BenJnode_count\xc4\x00\x00\x00\x01Krecord_size\xa2\x00\x18"
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*geoip_db "\S+/conf/big\.mmdb": "zone=" is too small: it has 65536 bytes, the database needs 126976 \("zone=124k"\) in \S+/conf/db\.conf:3$}

=== TEST 29: the same database twice
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
geoip_db $TEST_NGINX_DATA/geo.mmdb;
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*duplicate geoip_db "geo" in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 30: the same name twice
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb name=a;
geoip_db $TEST_NGINX_DATA/asn.mmdb name=a;
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*duplicate geoip_db "a" in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 31: an unknown parameter
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb auto_reload=5m;
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid parameter "auto_reload=5m" in "geoip_db" directive in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 32: an empty name
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb name=;
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid parameter "name=" in "geoip_db" directive in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 33: a parameter twice
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb reload=1s reload=2s;
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*duplicate parameter "reload" in "geoip_db" directive in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 34: a time that is none
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb reload=soon;
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "reload=soon" in "geoip_db" directive in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 35: max_age counts seconds
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb max_age=500ms;
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "max_age=500ms" in "geoip_db" directive in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 36: a size that is none
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb zone=big;
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "zone=big" in "geoip_db" directive in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 37: geoip_db belongs to http
--- config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
--- must_die
--- error_log eval
qr{\[emerg\] .*"geoip_db" directive is not allowed here in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 38: geoip_variable belongs to http
--- config
location = /t { geoip_variable $a country.iso_code; }
--- must_die
--- error_log eval
qr{\[emerg\] .*"geoip_variable" directive is not allowed here in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 39: rules do not belong into if
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
--- config
if ($arg_a) { geoip_deny all; }
--- must_die
--- error_log eval
qr{\[emerg\] .*"geoip_deny" directive is not allowed here in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 40: a status that is a success
--- config
geoip_status 200;
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "200" in "geoip_status" directive, it must be between 400 and 599, and neither 408 nor 499 in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 41: a redirect
--- config
geoip_status 302;
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "302" in "geoip_status" directive, it must be between 400 and 599, and neither 408 nor 499 in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 42: 408, which nginx ends without an answer
--- config
geoip_status 408;
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "408" in "geoip_status" directive, it must be between 400 and 599, and neither 408 nor 499 in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 43: 499
--- config
geoip_status 499;
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "499" in "geoip_status" directive, it must be between 400 and 599, and neither 408 nor 499 in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 44: 600
--- config
geoip_status 600;
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "600" in "geoip_status" directive, it must be between 400 and 599, and neither 408 nor 499 in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 45: no number
--- config
geoip_status forbidden;
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "forbidden" in "geoip_status" directive, it must be between 400 and 599, and neither 408 nor 499 in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 46: geoip_dry_run is on or off
--- config
geoip_dry_run yes;
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "yes" in "geoip_dry_run" directive, it must be "on" or "off" in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 47: an unknown level
--- config
geoip_log_level debug;
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "debug" in "geoip_log_level" directive, it must be "info", "notice", "warn" or "error" in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 48: a variable nobody knows in geoip_address
--- config
geoip_address $no_such_variable;
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown "no_such_variable" variable}

=== TEST 49: geoip_status twice
--- config
geoip_status 403;
geoip_status 410;
--- must_die
--- error_log eval
qr{\[emerg\] .*"geoip_status" directive is duplicate in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 50: geoip_dry_run twice
--- config
location = /t { geoip_dry_run on; geoip_dry_run on; }
--- must_die
--- error_log eval
qr{\[emerg\] .*"geoip_dry_run" directive is duplicate in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 51: geoip_address twice
--- config
geoip_address $arg_a;
geoip_address $arg_b;
--- must_die
--- error_log eval
qr{\[emerg\] .*"geoip_address" directive is duplicate in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 52: geoip_bypass twice
--- config
geoip_bypass $arg_a;
geoip_bypass $arg_b;
--- must_die
--- error_log eval
qr{\[emerg\] .*"geoip_bypass" directive is duplicate in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 53: geoip_log_level twice
--- config
geoip_log_level warn;
geoip_log_level warn;
--- must_die
--- error_log eval
qr{\[emerg\] .*"geoip_log_level" directive is duplicate in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 54: a variable of a database nobody named
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
include variables.conf;
--- user_files
>>> ../conf/variables.conf

geoip_variable $a db=city country.iso_code;
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown geoip_db "city" in "geoip_variable" directive in \S+/conf/variables\.conf:2$}

=== TEST 55: a variable without any database
--- http_config
geoip_variable $a country.iso_code;
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*"geoip_variable" needs a "geoip_db" in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 56: an empty step in a path
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
geoip_variable $a country..iso_code;
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid path "country..iso_code" in "geoip_variable" directive in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 57: no path
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
geoip_variable $a default=x;
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid path "" in "geoip_variable" directive in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 58: a name without its dollar
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
geoip_variable a country.iso_code;
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid variable name "a" in .*\S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 59: a name of nginx's own
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
geoip_variable $remote_addr country.iso_code;
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*the duplicate "remote_addr" variable}

=== TEST 60: an unknown parameter of a variable
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
geoip_variable $a country.iso_code fallback=x;
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid parameter "fallback=x" in "geoip_variable" directive in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 61: a parameter of a variable twice
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
geoip_variable $a country.iso_code default=x default=y;
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*duplicate parameter "default" in "geoip_variable" directive in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 62: an unknown variable as source
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
geoip_variable $a source=$nobody country.iso_code;
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown "nobody" variable}

=== TEST 63: all of it right
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb name=geo reload=1h max_age=10y zone=1m;
geoip_db $TEST_NGINX_DATA/asn.mmdb reload=0;
geoip_variable $a db=asn source=$arg_ip autonomous_system_number default=0;
geoip_allow continent=EU,AS eu=yes unknown=yes address=10.0.0.0/8;
geoip_deny all;
geoip_bypass $arg_a 0;
geoip_status 444;
geoip_dry_run On;
geoip_log_level info;
geoip_address $remote_addr;
--- config
--- config_ok

=== TEST 64: the zone that was named for the database
--- http_config
include db.conf;
--- user_files eval
">>> ../conf/db.conf\n# one\n# two\ngeoip_db big.mmdb zone=124k;\n>>> ../conf/big.mmdb\n\x00\x00\x11\x00\x00\x01" . "\x00" x 16 . "\xe0" . "\x00" x 60000 . "\xab\xcd\xefMaxMind.com\xe9[binary_format_major_version\xa2\x00\x02[binary_format_minor_version\xa2\x00\x00Kbuild_epoch\x08\x02\x00\x00\x00\x00eS\xf1\x00Mdatabase_typeSGatehouse-Test-CityKdescription\xe1BenSGatehouse-Test-CityJip_version\xa2\x00\x06Ilanguages\x01\x04BenJnode_count\xc4\x00\x00\x00\x01Krecord_size\xa2\x00\x18"
--- config_ok

=== TEST 65: a database without a name
--- http_config
geoip_db "";
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "" in "geoip_db" directive in \S+/conf/nginx\.conf:[1-9]\d*}
