# `$geoip_…` and `geoip_variable`: the values, and every place a variable can stand in.
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    geoip_db $TEST_NGINX_DATA/geo.mmdb;
    geoip_db $TEST_NGINX_DATA/asn.mmdb;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;
_EOC_

our $FR = 'X-Real-IP: 192.0.2.1';
our $LF = 'X-Real-IP: 192.0.2.129';
our $US = 'X-Real-IP: 198.51.100.1';
our $RU = 'X-Real-IP: 203.0.113.1';
our $DE = 'X-Real-IP: 2001:db8::1';
our $AN = 'X-Real-IP: 127.0.0.3';
our $None = 'X-Real-IP: 10.0.0.1';

no_long_string();
run_tests();

__DATA__

=== TEST 1: country, continent, subdivision, asn
--- http_config eval: $::Http
--- config
location = /t { return 200 "$geoip_country|$geoip_continent|$geoip_subdivision|$geoip_asn"; }
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval
[$::FR, $::US, $::DE, $::AN, $::None]
--- response_body eval
["FR|EU|FR-ARA|64496", "US|NA||", "DE|EU||64511", "|AN||4200000000", "|||"]

=== TEST 2: verdict and rule are the location's, without enforcing it; there is no action before the access phase
--- http_config eval: $::Http
--- config
location = /none { return 200 "$geoip_verdict|$geoip_action|$geoip_rule"; }
location = /t { geoip_allow country=FR; geoip_deny country=RU,BY continent=EU; return 200 "$geoip_verdict|$geoip_action|$geoip_rule"; }
location = /dry { geoip_dry_run on; geoip_allow country=FR; geoip_deny country=RU; return 200 "$geoip_verdict|$geoip_action|$geoip_rule"; }
location = /bypass { geoip_bypass 1; geoip_deny all; return 200 "$geoip_verdict|$geoip_action|$geoip_rule"; }
--- request eval
["GET /none", "GET /t", "GET /t", "GET /t", "GET /dry", "GET /dry", "GET /dry", "GET /bypass"]
--- more_headers eval
[$::RU, $::FR, $::RU, $::US, $::FR, $::RU, $::US, $::RU]
--- response_body eval
["none||", "allowed||country=FR", "denied||country=RU,BY continent=EU", "none||", "allowed||country=FR", "denied||country=RU", "none||", "none||"]
--- no_error_log
country refused

=== TEST 3: build_epoch is the first database's
--- http_config eval: $::Http
--- config
location = /t { return 200 "$geoip_build_epoch"; }
--- request
GET /t
--- response_body_like: ^1[0-9]{9}$

=== TEST 4: without a database the variables are empty
--- config
location = /t { return 200 "[$geoip_country$geoip_continent$geoip_subdivision$geoip_asn$geoip_build_epoch$geoip_rule] $geoip_verdict $geoip_action"; }
--- request
GET /t
--- response_body_like: ^\[\] none $

=== TEST 5: in map, log_format, add_header, proxy_set_header, if, set and a cache key's place
--- http_upstream: a
--- http_config eval
$::Http . 'map $geoip_country $site { default world; FR france; "" nowhere; }
log_format geo "country=$geoip_country asn=$geoip_asn site=$site";'
--- config
access_log logs/access.log geo;
location = /proxy { proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A/$site; proxy_set_header X-Country $geoip_country; proxy_set_header X-Asn $geoip_asn; add_header X-Site "$site-$geoip_continent"; }
location = /if { if ($geoip_country = RU) { return 404; } set $c "c=$geoip_country"; return 200 $c; }
--- request eval
["GET /proxy", "GET /proxy", "GET /if", "GET /if"]
--- more_headers eval
[$::FR, $::None, $::RU, $::US]
--- error_code eval
[200, 200, 404, 200]
--- response_body_like eval
[qr/GET \/france .*\r\nX-Country: FR\r\nX-Asn: 64496\r\n/s, qr/GET \/nowhere (?!.*X-Country)(?!.*X-Asn)/s, qr/404/, qr/^c=US$/]
--- response_headers eval
["X-Site: france-EU", "X-Site: nowhere-", "", ""]
--- access_log
country=FR asn=64496 site=france
country=- asn=- site=nowhere

=== TEST 6: a user's own map wins
--- http_config eval
$::Http . 'map $http_x $geoip_country { default mine; a A; }'
--- config
location = /t { geoip_deny country=RU; return 200 "$geoip_country"; }
location = /rule { geoip_deny country=RU; empty_gif; }
--- request eval
["GET /t", "GET /t", "GET /rule"]
--- more_headers eval
["X: a", $::RU, $::RU]
--- response_body_like eval
[qr/^A$/, qr/^mine$/, qr/403/]
--- error_code eval
[200, 200, 403]

=== TEST 7: a user's own geo, split_clients and set win
--- http_config eval
$::Http . 'geo $geoip_country { default XX; } geo $geoip_asn { default 1; } split_clients a $geoip_continent { * YY; }'
--- config
location = /t { set $geoip_verdict fine; set $geoip_rule "r"; return 200 "$geoip_country $geoip_asn $geoip_continent $geoip_verdict $geoip_rule"; }
--- request
GET /t
--- response_body: XX 1 YY fine r

=== TEST 8: a user's own geoip_variable wins
--- http_config eval
$::Http . 'geoip_variable $geoip_country country.names.en;'
--- config
location = /t { return 200 "$geoip_country"; }
--- request
GET /t
--- more_headers eval: $::FR
--- response_body: France

=== TEST 9: geoip_variable: strings, numbers, booleans, floating point, an array's element, counted from either end
--- http_config eval
$::Http . 'geoip_variable $name country.names.en;
geoip_variable $eu country.is_in_european_union;
geoip_variable $id city.geoname_id;
geoip_variable $radius location.accuracy_radius;
geoip_variable $lat location.latitude;
geoip_variable $metro location.metro_code;
geoip_variable $first subdivisions.0.iso_code;
geoip_variable $second subdivisions.1.names.en;
geoip_variable $third subdivisions.2.iso_code;
geoip_variable $last subdivisions -1 iso_code;
geoip_variable $before subdivisions.-2.iso_code;
geoip_variable $beyond subdivisions.-3.iso_code;'
--- config
location = /t { return 200 "$name|$eu|$id|$radius|$lat|$metro|$first|$second|$third|$last|$before|$beyond"; }
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
[$::FR, $::US, $::None]
--- response_body eval
["France|1|2996944|20|45.74850||ARA|Rh\xc3\xb4ne||69|ARA|", "United States|0|||-12.50000|-7||||||", "|||||||||||"]

=== TEST 10: maps, lists and paths that lead nowhere are not found
--- http_config eval
$::Http . 'geoip_variable $map country default=none;
geoip_variable $list subdivisions default=none;
geoip_variable $deep country.iso_code.x default=none;
geoip_variable $key nothing.here default=none;
geoip_variable $index country.0 default=none;
geoip_variable $word subdivisions.first default=none;'
--- config
location = /t { return 200 "$map|$list|$deep|$key|$index|$word"; }
--- request
GET /t
--- more_headers eval: $::FR
--- response_body: none|none|none|none|none|none

=== TEST 11: the path as one word or several
--- http_config eval
$::Http . 'geoip_variable $one country.names.en;
geoip_variable $many country names en;
geoip_variable $array subdivisions 1 iso_code;
geoip_variable $dots country.names en default=none;'
--- config
location = /t { return 200 "$one|$many|$array|$dots"; }
--- request
GET /t
--- more_headers eval: $::FR
--- response_body: France|France|69|none

=== TEST 12: default= stands for what is not there
--- http_config eval
$::Http . 'geoip_variable $a country.iso_code default=ZZ;
geoip_variable $b default= country.iso_code;
geoip_variable $c country.iso_code "default=no country=x";'
--- config
location = /t { return 200 "$a|$b|$c"; }
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
[$::FR, $::AN, $::None]
--- response_body eval
["FR|FR|FR", "ZZ||no country=x", "ZZ||no country=x"]

=== TEST 13: db= names the database, by its file or by name=
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
geoip_db $TEST_NGINX_DATA/asn.mmdb;
geoip_db $TEST_NGINX_DATA/geo2.mmdb name=new;
geoip_variable $first country.iso_code;
geoip_variable $geo db=geo country.iso_code;
geoip_variable $new country.iso_code db=new;
geoip_variable $asn db=asn autonomous_system_number;
geoip_variable $org db=asn autonomous_system_organization;
geoip_variable $wrong autonomous_system_number;
--- config
location = /t { return 200 "$first|$geo|$new|$asn|$org|$wrong"; }
--- request
GET /t
--- response_body: JP|JP|RU|4200000000|Loopback|

=== TEST 14: db= may name a database that comes later
--- http_config
geoip_variable $c db=geo country.iso_code;
geoip_db $TEST_NGINX_DATA/geo.mmdb;
--- config
location = /t { return 200 "$c"; }
--- request
GET /t
--- response_body: JP

=== TEST 15: source= is the address to look up
--- http_config eval
$::Http . 'geoip_variable $arg source=$arg_ip country.iso_code default=none;
geoip_variable $fixed source=2001:db8::7 country.iso_code;
geoip_variable $mixed source=192.0.2.$arg_last country.iso_code default=none;
geoip_variable $client country.iso_code;'
--- config
location = /t { return 200 "$arg|$fixed|$mixed|$client"; }
--- request eval
["GET /t", "GET /t?ip=203.0.113.5&last=9", "GET /t?ip=2001:db8::1", "GET /t?ip=::ffff:192.0.2.1", "GET /t?ip=junk", "GET /t?ip=1.2.3.4.5"]
--- more_headers eval
[$::US, $::US, $::US, $::US, $::US, $::US]
--- response_body eval
["none|DE|none|US", "RU|DE|FR|US", "DE|DE|none|US", "FR|DE|none|US", "none|DE|none|US", "none|DE|none|US"]

=== TEST 16: without source= it is geoip_address of the request's location
--- http_config eval
$::Http . 'geoip_variable $name country.names.en;'
--- config
location = /t { geoip_address $arg_ip; return 200 "$name|$geoip_country|$geoip_asn"; }
--- request eval
["GET /t?ip=192.0.2.1", "GET /t?ip=x", "GET /t"]
--- more_headers eval
[$::US, $::US, $::US]
--- response_body eval
["France|FR|64496", "||", "||"]

=== TEST 17: a value with a control character is not found
--- http_config eval
$::Http . 'geoip_variable $city city.names.en;
geoip_variable $safe city.names.en default=none;'
--- config
location = /t { add_header X-City $city; return 200 "$city|$safe"; }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
[$::LF, $::FR]
--- response_body eval
["|none", "Lyon|Lyon"]
--- response_headers eval
["! X-City", "X-City: Lyon"]

=== TEST 18: the same in a header to the backend: nothing can be smuggled in
--- http_upstream: a
--- http_config eval
$::Http . 'geoip_variable $city city.names.en;'
--- config
location = /t { proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; proxy_set_header X-City $city; }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
[$::LF, "X-Real-IP: 203.0.113.1"]
--- response_body_unlike eval
[qr/feed|X-City/, qr/feed/]
--- response_body_like eval
[qr/^name=a/, qr/X-City: \xd0\x9c\xd0\xbe/]

=== TEST 19: a subrequest sees the main request's country, address and verdict
--- http_config eval: $::Http
--- config
geoip_deny country=RU;
location = /page.html { ssi on; ssi_types *; geoip_allow country=FR; geoip_address $arg_ip; }
location = /part { return 200 "$geoip_country $geoip_verdict $geoip_rule"; }
--- user_files
>>> page.html
[<!--#include virtual="/part?ip=203.0.113.1" -->|<!--#echo var="geoip_country" -->]
--- request
GET /page.html?ip=192.0.2.1
--- response_body_like eval
qr/^\[FR allowed country=FR\|FR\]$/

=== TEST 20: realip at location level: the variable follows it
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
--- config
location = /t { set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP; if ($geoip_country = nowhere) { return 404; } add_header X-Country $geoip_country always; empty_gif; }
--- request
GET /t
--- more_headers eval: $::RU
--- response_headers
X-Country: RU

=== TEST 21: in server context, before a location is found
--- http_config eval: $::Http
--- config
set $c $geoip_country;
if ($geoip_country = RU) { return 403 "no"; }
location = /t { return 200 "$c"; }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
[$::RU, $::FR]
--- error_code eval
[403, 200]
--- response_body eval
["no", "FR"]

=== TEST 22: an operator's drop-in for geoip2's variables
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb name=city;
geoip_variable $geoip2_country_code db=city source=$http_x_client country.iso_code default=ZZ;
map $geoip2_country_code $allowed { default 1; RU 0; }
--- config
location = /t { if ($allowed = 0) { return 403; } return 200 "$geoip2_country_code"; }
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
["X-Client: 203.0.113.1", "X-Client: 192.0.2.1", "A: b"]
--- error_code eval
[403, 200, 200]
--- response_body_like eval
[qr/403/, qr/^FR$/, qr/^ZZ$/]
