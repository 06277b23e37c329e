# MaxMind's own test databases: known answers, and files that are broken on purpose. An extra: skipped where they are not.
# requires: file ../shared/geoip/GeoIP2-City-Test.mmdb
use Test::Nginx::Socket 'no_plan';

our $Real = <<'_EOC_';
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;
_EOC_

our $GB = 'X-Real-IP: 2.125.160.216';
our $SE = 'X-Real-IP: 89.160.20.112';
our $US = 'X-Real-IP: 216.160.83.56';
our $JP = 'X-Real-IP: 2001:218::1';
our $None = 'X-Real-IP: 10.0.0.1';

no_long_string();
run_tests();

__DATA__

=== TEST 1: GeoIP2 City: the variables
--- http_config eval
$::Real . 'geoip_db $TEST_NGINX_REPO/../shared/geoip/GeoIP2-City-Test.mmdb;
geoip_variable $city city.names.en;
geoip_variable $ja country names ja;
geoip_variable $lat location.latitude;
geoip_variable $metro location.metro_code;
geoip_variable $zip postal.code;
geoip_variable $registered registered_country.iso_code;'
--- config
location = /t { return 200 "$geoip_country|$geoip_continent|$geoip_subdivision|$city|$ja|$lat|$metro|$zip|$registered"; }
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval
[$::GB, $::US, $::JP, $::None]
--- response_body_like eval
[qr/^GB\|EU\|GB-ENG\|Boxford\|\xe3\x82\xa4\xe3\x82\xae\xe3\x83\xaa\xe3\x82\xb9\|51\.75000\|\|OX1\|FR$/, qr/^US\|NA\|US-WA\|Milton\|[^|]+\|47\.25130\|819\|98354\|GB$/, qr/^JP\|AS\|/, qr/^\|{8}$/]

=== TEST 2: GeoIP2 Country: the rules
--- http_config eval
$::Real . 'geoip_db $TEST_NGINX_REPO/../shared/geoip/GeoIP2-Country-Test.mmdb;'
--- config
location = /country { geoip_deny country=GB,JP; empty_gif; }
location = /eu { geoip_deny eu=yes; empty_gif; }
location = /unknown { geoip_deny unknown=yes; empty_gif; }
--- request eval
["GET /country", "GET /country", "GET /country", "GET /eu", "GET /eu", "GET /unknown", "GET /unknown"]
--- more_headers eval
[$::GB, $::JP, $::US, $::SE, $::GB, $::None, $::SE]
--- error_code eval
[403, 403, 200, 403, 200, 403, 200]

=== TEST 3: GeoLite2 City, Country and ASN beside one another
--- http_config eval
$::Real . 'geoip_db $TEST_NGINX_REPO/../shared/geoip/GeoLite2-Country-Test.mmdb name=country;
geoip_db $TEST_NGINX_REPO/../shared/geoip/GeoLite2-City-Test.mmdb name=city;
geoip_db $TEST_NGINX_REPO/../shared/geoip/GeoLite2-ASN-Test.mmdb name=asn;
geoip_variable $org db=asn autonomous_system_organization;
geoip_variable $city db=city city.names.en default=none;'
--- config
location = /t { return 200 "$geoip_country|$geoip_asn|$org|$city"; }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["X-Real-IP: 1.128.0.0", $::SE]
--- response_body_like eval
[qr/^[A-Z]*\|1221\|Telstra Pty Ltd\|none$/, qr/^SE\|\d+\|[^|]+\|Link.*ping$/]

=== TEST 4: Anonymous IP has no country
--- http_config
geoip_db $TEST_NGINX_REPO/../shared/geoip/GeoIP2-Anonymous-IP-Test.mmdb;
--- config
geoip_deny country=GB;
--- must_die
--- error_log eval
qr{\[emerg\] .*"geoip_deny": no "geoip_db" has the field "country" in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 5: Anonymous IP as variables
--- http_config eval
$::Real . 'geoip_db $TEST_NGINX_REPO/../shared/geoip/GeoIP2-Anonymous-IP-Test.mmdb;
geoip_variable $vpn is_anonymous_vpn default=0;'
--- config
location = /t { return 200 "$vpn"; }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["X-Real-IP: 1.2.0.0", $::None]
--- response_body eval
["1", "0"]

=== TEST 6: a broken database is refused
--- http_config
geoip_db $TEST_NGINX_REPO/../shared/geoip/broken/CASE;
--- conf_cases
# more nodes than the file has
GeoIP2-City-Test-Invalid-Node-Count.mmdb
=> geoip_db "*/GeoIP2-City-Test-Invalid-Node-Count.mmdb" is an invalid MaxMind DB file: metadata: *search tree*
# broken pointers
MaxMind-DB-test-broken-pointers-24.mmdb
=> geoip_db "*/MaxMind-DB-test-broken-pointers-24.mmdb" is an invalid MaxMind DB file: a pointer leads to no value at offset 0 of the data
# a broken search tree
MaxMind-DB-test-broken-search-tree-24.mmdb
=> geoip_db "*/MaxMind-DB-test-broken-search-tree-24.mmdb" is an invalid MaxMind DB file: the search tree loops or is deeper than an address
# a corrupt search tree
libmaxminddb-corrupt-search-tree.mmdb
=> geoip_db "*/libmaxminddb-corrupt-search-tree.mmdb" is an invalid MaxMind DB file: the search tree has nodes that no address reaches
# values nested without end
libmaxminddb-deep-nesting.mmdb
=> geoip_db "*/libmaxminddb-deep-nesting.mmdb" is an invalid MaxMind DB file: values nest too deep at offset 382 of the data
# nothing but the metadata's marker
libmaxminddb-metadata-marker-only.mmdb
=> geoip_db "*/libmaxminddb-metadata-marker-only.mmdb" is an invalid MaxMind DB file: metadata: *
