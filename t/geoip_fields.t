# The fields that rules know, over records shaped as MaxMind, DB-IP and IPinfo shape theirs, from several databases.
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    geoip_db $TEST_NGINX_DATA/shapes.mmdb;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;
_EOC_

# A City record, a VPN, IPinfo Lite, IPinfo's privacy data, IPinfo's places, a record that says no.
our $City = 'X-Real-IP: 192.0.2.1';
our $Vpn = 'X-Real-IP: 192.0.2.17';
our $Lite = 'X-Real-IP: 192.0.2.33';
our $Tor = 'X-Real-IP: 192.0.2.49';
our $Place = 'X-Real-IP: 192.0.2.65';
our $Plain = 'X-Real-IP: 192.0.2.81';
our $None = 'X-Real-IP: 10.0.0.1';

no_long_string();
run_tests();

__DATA__

=== TEST 1: registered_country and country are two things
--- http_config eval: $::Http
--- config
location = /r { geoip_deny registered_country=US; empty_gif; }
location = /c { geoip_deny country=US; empty_gif; }
--- request eval
["GET /r", "GET /c", "GET /r", "GET /c"]
--- more_headers eval
[$::City, $::City, $::Lite, $::Lite]
--- error_code eval
[403, 200, 200, 403]

=== TEST 2: subdivision is the first or the second of the record, of the record's country
--- http_config eval: $::Http
--- config
location = /1 { geoip_deny subdivision=GB-ENG; empty_gif; }
location = /2 { geoip_deny subdivision=us-ca,gb-wbk; empty_gif; }
location = /3 { geoip_deny subdivision=US-ENG,GB-ON; empty_gif; }
location = /4 { geoip_deny subdivision=CA-ON; empty_gif; }
--- request eval
["GET /1", "GET /2", "GET /3", "GET /4", "GET /4", "GET /1"]
--- more_headers eval
[$::City, $::City, $::City, $::City, $::Place, $::None]
--- error_code eval
[403, 403, 200, 200, 403, 200]

=== TEST 3: city is a GeoNames id, a number or a text in the record
--- http_config eval: $::Http
--- config
location = /t { geoip_deny city=1,2643743,6167865; empty_gif; }
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval
[$::City, $::Place, $::Lite, $::None]
--- error_code eval
[403, 403, 200, 200]

=== TEST 4: asn with and without AS, from records of either kind
--- http_config
geoip_db $TEST_NGINX_DATA/shapes.mmdb;
geoip_db $TEST_NGINX_DATA/asn.mmdb;
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
--- config
location = /lite { geoip_deny asn=AS64500; empty_gif; }
location = /other { geoip_deny asn=1,64496; empty_gif; }
--- request eval
["GET /lite", "GET /other", "GET /lite", "GET /other", "GET /other"]
--- more_headers eval
[$::Lite, $::Lite, $::City, $::City, "X-Real-IP: 127.0.0.1"]
--- error_code eval
[403, 200, 200, 403, 200]

=== TEST 5: anonymous
--- http_config eval: $::Http
--- config
location = /vpn { geoip_deny anonymous=vpn; empty_gif; }
location = /tor { geoip_deny anonymous=tor,proxy; empty_gif; }
location = /hosting { geoip_deny anonymous=hosting; empty_gif; }
location = /any { geoip_deny anonymous=any; empty_gif; }
--- request eval
["GET /vpn", "GET /vpn", "GET /tor", "GET /tor", "GET /hosting", "GET /any", "GET /any", "GET /any", "GET /any", "GET /any"]
--- more_headers eval
[$::Vpn, $::Tor, $::Vpn, $::Tor, $::Tor, $::Vpn, $::Tor, $::City, $::Plain, $::None]
--- error_code eval
[403, 200, 200, 403, 403, 403, 403, 200, 200, 200]

=== TEST 6: several fields in one rule, of several databases
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
geoip_db $TEST_NGINX_DATA/asn.mmdb;
geoip_db $TEST_NGINX_DATA/shapes.mmdb;
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
--- config
location = /t { geoip_deny country=FR asn=64496 registered_country=US address=192.0.2.0/28; empty_gif; }
location = /u { geoip_deny country=FR asn=64497; empty_gif; }
location = /v { geoip_deny subdivision=GB-ENG; empty_gif; }
--- request eval
["GET /t", "GET /t", "GET /u", "GET /v"]
--- more_headers eval
["X-Real-IP: 192.0.2.1", "X-Real-IP: 192.0.2.33", "X-Real-IP: 192.0.2.1", "X-Real-IP: 192.0.2.1"]
--- error_code eval
[403, 200, 200, 200]

=== TEST 7: the variables have them, whatever the record's shape
--- http_config eval: $::Http
--- config
location = /t { return 200 "$geoip_country|$geoip_continent|$geoip_subdivision|$geoip_asn"; }
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval
[$::City, $::Vpn, $::Lite, $::Place, $::None, "X-Real-IP: ::ffff:192.0.2.1"]
--- response_body eval
["GB|EU|GB-ENG|", "|||", "US|NA||64500", "CA||CA-ON|", "|||", "GB|EU|GB-ENG|"]

=== TEST 8: junk, private, reserved and mapped addresses are unknown, and nothing else
--- http_config
geoip_db $TEST_NGINX_DATA/shapes.mmdb;
geoip_db $TEST_NGINX_DATA/geo.mmdb;
--- config
location = /t {
    geoip_address $http_x_a;
    geoip_deny unknown=yes country=FR;
    geoip_allow unknown=yes;
    geoip_deny registered_country=US,GB subdivision=GB-ENG city=0001;
    geoip_deny asn=64500 anonymous=any;
    geoip_deny all;
    empty_gif;
}
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval
["X-A: 10.0.0.1", "X-A: 192.168.0.1", "X-A: 169.254.169.254", "X-A: ::1", "X-A: ::", "X-A: fe80::1", "X-A: fc00::1", "X-A: ::ffff:10.0.0.1", "X-A: ff02::1",
 "X-A: 255.255.255.255", "X-A: 192.0.2.1.", "X-A: 192.0.2.1, 10.0.0.1", "X-A: 0xC0000201", "X-A: ::ffff:192.0.2.1"]
--- error_code eval
[200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 403]

=== TEST 9: a database that lost a field that rules ask for
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
--- config
CASE
--- conf_cases
# no registered country in it
location = /t { geoip_deny registered_country=US; }
=> "geoip_deny": no "geoip_db" has the field "registered_country"
# no systems
location = /t { geoip_allow asn=1; }
=> "geoip_allow": no "geoip_db" has the field "asn"
# nothing about anonymity
location = /t { geoip_allow country=FR anonymous=any; }
=> "geoip_allow": no "geoip_db" has the field "anonymous"
# a value that is none
location = /t { geoip_deny subdivision=CA; }
=> invalid subdivision "CA" in "geoip_deny" directive, it must be a code of ISO 3166-2 such as "US-CA"
# a system that is none
location = /t { geoip_deny asn=AS; }
=> invalid asn "AS" in "geoip_deny" directive, it must be a number such as "64496" or "AS64496"
