# geoip_variable: what is known about a database itself.
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    geoip_db $TEST_NGINX_DATA/geo.mmdb;
    geoip_db $TEST_NGINX_DATA/geo2.mmdb name=second;
    geoip_db $TEST_NGINX_DATA/asn.mmdb reload=1s;
_EOC_

no_long_string();
run_tests();

__DATA__

=== TEST 1: build and type of each database, as one word or as two
--- http_config eval
$::Http . 'geoip_variable $a metadata.build_epoch;
geoip_variable $b metadata build_epoch;
geoip_variable $c db=second metadata build_epoch;
geoip_variable $d metadata database_type;
geoip_variable $e db=asn metadata.database_type default=none;'
--- config
location = /t { return 200 "$a|$b|$c|$d|$e"; }
--- request
GET /t
--- response_body: 1700000000|1700000000|1700086400|Gatehouse-Test-City|Gatehouse-Test-ASN

=== TEST 2: last check and last change are times of this nginx, also before the first check
--- http_config eval
$::Http . 'geoip_variable $checked metadata last_check;
geoip_variable $changed metadata last_change;
geoip_variable $other db=second metadata last_change;'
--- config
location = /t { return 200 "$checked|$changed|$other"; }
--- request
GET /t
--- response_body_like: ^(1[789]|[2-9]\d)\d{8}\|(1[789]|[2-9]\d)\d{8}\|(1[789]|[2-9]\d)\d{8}$

=== TEST 3: words that name no metadata
--- http_config eval
$::Http . 'CASE'
--- config
--- conf_cases
# something else
geoip_variable $a metadata age;
=> unknown metadata "age" in "geoip_variable" directive, it must be "build_epoch", "database_type", "last_check" or "last_change"
# nothing
geoip_variable $a metadata;
=> invalid path "metadata" in "geoip_variable" directive
# too much
geoip_variable $a metadata build_epoch x;
=> invalid path "metadata build_epoch x" in "geoip_variable" directive
# an address has no part in it
geoip_variable $a source=$arg_a metadata build_epoch;
=> "source" has no use for metadata in "geoip_variable" directive
