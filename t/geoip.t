# Country rules: which rule decides, what a refusal looks like, whose address counts.
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    geoip_db $TEST_NGINX_DATA/geo.mmdb;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;
_EOC_

# Clients: countries, a continent without a country, an address no database knows.
our $FR = 'X-Real-IP: 192.0.2.1';
our $US = 'X-Real-IP: 198.51.100.1';
our $RU = 'X-Real-IP: 203.0.113.1';
our $DE = 'X-Real-IP: 2001:db8::1';
our $JP = 'X-Real-IP: 127.0.0.1';
our $KP = 'X-Real-IP: 127.0.0.2';
our $AN = 'X-Real-IP: 127.0.0.3';
our $None = 'X-Real-IP: 10.0.0.1';
our $None6 = 'X-Real-IP: fd00::1';

no_long_string();
run_tests();

__DATA__

=== TEST 1: the first rule that matches decides
--- http_config eval: $::Http
--- config
location = /deny  { geoip_deny country=FR; geoip_allow country=FR; geoip_deny all; empty_gif; }
location = /allow { geoip_allow country=FR; geoip_deny country=FR; geoip_deny all; empty_gif; }
--- request eval
["GET /deny", "GET /deny", "GET /allow", "GET /allow"]
--- more_headers eval
[$::FR, $::US, $::FR, $::US]
--- error_code eval
[403, 403, 200, 403]
--- error_log eval
[qr/country refused: FR, rule "country=FR" in .*request: "GET \/deny/, qr/country refused: US, rule "all" in .*request: "GET \/deny/, qr/country refused: US, rule "all" in .*request: "GET \/allow/]

=== TEST 2: no rule that matches has no opinion
--- http_config eval: $::Http
--- config
location = /t { geoip_deny country=RU; geoip_allow country=DE; empty_gif; }
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval
[$::FR, $::DE, $::None, $::RU]
--- error_code eval
[200, 200, 200, 403]

=== TEST 3: no rules at all: the module refuses nobody
--- http_config eval: $::Http
--- config
location = /t { empty_gif; }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
[$::RU, $::None]
--- error_code eval
[200, 200]
--- no_error_log
country refused

=== TEST 4: country, a list of them, in any case
--- http_config eval: $::Http
--- config
location = /t { geoip_deny country=ru,Fr; empty_gif; }
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval
[$::RU, $::FR, $::US, $::AN, $::None]
--- error_code eval
[403, 403, 200, 200, 200]

=== TEST 5: continent
--- http_config eval: $::Http
--- config
location = /t { geoip_deny continent=EU,AN; empty_gif; }
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval
[$::RU, $::FR, $::US, $::AN, $::DE, $::None]
--- error_code eval
[403, 403, 200, 403, 403, 200]

=== TEST 6: eu=yes
--- http_config eval: $::Http
--- config
location = /t { geoip_deny eu=yes; empty_gif; }
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval
[$::FR, $::DE, $::RU, $::US, $::JP, $::AN, $::None]
--- error_code eval
[403, 403, 200, 200, 200, 200, 200]

=== TEST 7: eu=no is said of countries: an unknown one is neither
--- http_config eval: $::Http
--- config
location = /t { geoip_deny eu=no; empty_gif; }
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval
[$::FR, $::DE, $::RU, $::US, $::JP, $::AN, $::None]
--- error_code eval
[200, 200, 403, 403, 403, 200, 200]

=== TEST 8: unknown=yes is an address in no database
--- http_config eval: $::Http
--- config
location = /t { geoip_deny unknown=yes; empty_gif; }
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval
[$::None, $::None6, $::AN, $::FR]
--- error_code eval
[403, 403, 200, 200]
--- error_log
country refused: unknown, rule "unknown=yes" in

=== TEST 9: address: networks of both families, single addresses
--- http_config eval: $::Http
--- config
location = /t { geoip_deny address=192.0.2.0/25,10.0.0.1,2001:db8:1::/48; empty_gif; }
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval
["X-Real-IP: 192.0.2.127", "X-Real-IP: 192.0.2.128", "X-Real-IP: 10.0.0.1", "X-Real-IP: 10.0.0.2", "X-Real-IP: 2001:db8:1::5", "X-Real-IP: 2001:db8:2::5"]
--- error_code eval
[403, 200, 403, 200, 403, 200]

=== TEST 10: address and all need no database
--- http_config
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
--- config
location = /t { geoip_allow address=192.0.2.0/24; geoip_deny all; empty_gif; }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
[$::FR, $::US]
--- error_code eval
[200, 403]
--- error_log
country refused: unknown, rule "all" in

=== TEST 11: all fields of one rule must match
--- http_config eval: $::Http
--- config
location = /t { geoip_deny continent=EU eu=no address=203.0.113.0/24; empty_gif; }
location = /u { geoip_deny continent=EU eu=no address=192.0.2.0/24; empty_gif; }
--- request eval
["GET /t", "GET /t", "GET /t", "GET /u", "GET /u"]
--- more_headers eval
[$::RU, $::FR, $::US, $::RU, $::FR]
--- error_code eval
[403, 200, 200, 200, 200]
--- error_log
rule "continent=EU eu=no address=203.0.113.0/24" in

=== TEST 12: @file stands for a list, relative to the configuration's directory
--- http_config eval: $::Http
--- config
location = /t { geoip_allow address=@lists/office.txt; geoip_deny country=@$TEST_NGINX_SERVROOT/conf/lists/countries.txt; empty_gif; }
--- user_files
>>> ../conf/lists/countries.txt
# who is not served
RU

  KP   # with a reason
>>> ../conf/lists/office.txt
203.0.113.7/32
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval
[$::RU, $::KP, $::FR, "X-Real-IP: 203.0.113.7"]
--- error_code eval
[403, 403, 200, 200]
--- error_log eval
qr/country refused: RU, rule "country=\@\S+countries.txt" in/

=== TEST 13: rules are inherited by a level that has none
--- http_config eval: $::Http . "geoip_deny country=RU;"
--- config
location = /http { empty_gif; }
location /nested/ { location /nested/inner { empty_gif; } }
--- request eval
["GET /http", "GET /nested/inner", "GET /http"]
--- more_headers eval
[$::RU, $::RU, $::FR]
--- error_code eval
[403, 403, 200]

=== TEST 14: a level with rules replaces the inherited ones as a whole
--- http_config eval: $::Http . "geoip_deny country=RU;"
--- config
geoip_deny country=US;
location = /server { empty_gif; }
location = /own { geoip_deny country=FR; empty_gif; }
location = /open { geoip_allow all; empty_gif; }
--- request eval
["GET /server", "GET /server", "GET /own", "GET /own", "GET /own", "GET /open", "GET /open"]
--- more_headers eval
[$::US, $::RU, $::FR, $::US, $::RU, $::US, $::RU]
--- error_code eval
[403, 200, 403, 200, 200, 200, 200]

=== TEST 15: rules that are added to a level after a location was read belong to it too
--- http_config eval: $::Http
--- config
geoip_deny country=RU;
location = /t { empty_gif; }
geoip_deny country=US;
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
[$::RU, $::US, $::FR]
--- error_code eval
[403, 403, 200]

=== TEST 16: the rules may come before the database
--- http_config eval
"geoip_deny country=RU;\n" . $::Http
--- config
location = /t { empty_gif; }
--- request
GET /t
--- more_headers eval: $::RU
--- error_code: 403

=== TEST 17: a bypass that is neither empty nor 0
--- http_config eval: $::Http
--- config
geoip_deny all;
location = /t { geoip_bypass $arg_a $arg_b; empty_gif; }
location = /word { geoip_bypass yes; empty_gif; }
location = /zero { geoip_bypass 0 ""; empty_gif; }
--- request eval
["GET /t", "GET /t?a=", "GET /t?a=0", "GET /t?a=1", "GET /t?a=0&b=00", "GET /t?b=x", "GET /word", "GET /zero"]
--- error_code eval
[403, 403, 403, 200, 200, 200, 200, 403]

=== TEST 18: a bypass is inherited until a level has its own
--- http_config eval: $::Http
--- config
geoip_deny all;
geoip_bypass $arg_a;
location = /t { empty_gif; }
location = /own { geoip_bypass $arg_b; empty_gif; }
--- request eval
["GET /t?a=1", "GET /own?a=1", "GET /own?b=1"]
--- error_code eval
[200, 403, 200]

=== TEST 19: a bypass leaves nothing in the log and no opinion for satisfy any
--- http_config eval: $::Http
--- config
location = /t { satisfy any; geoip_allow all; geoip_bypass 1; deny all; empty_gif; }
--- request
GET /t
--- error_code: 403
--- no_error_log
country refused

=== TEST 20: the status of a refusal: 403, or what geoip_status says
--- http_config eval: $::Http
--- config
geoip_deny all;
location = /default { empty_gif; }
location = /410 { geoip_status 410; empty_gif; }
location = /451 { geoip_status 451; empty_gif; }
location = /429 { geoip_status 429; empty_gif; }
location = /503 { geoip_status 503; empty_gif; }
location /outer/ { geoip_status 404; location /outer/inner { empty_gif; } }
--- request eval
["GET /default", "GET /410", "GET /451", "GET /429", "GET /503", "GET /outer/inner"]
--- error_code eval
[403, 410, 451, 429, 503, 404]
--- response_body_like eval
[qr/403 Forbidden/, qr/410 Gone/, qr/^\z/, qr/429 Too Many/, qr/503 Service/, qr/404 Not Found/]

=== TEST 21: 444 closes the connection without an answer
--- http_config eval: $::Http
--- config
location = /t { geoip_deny all; geoip_status 444; empty_gif; }
--- request
GET /t
--- ignore_response
--- error_log
country refused: JP, rule "all" in
--- access_log eval
qr/"GET \/t HTTP\/1.1" 444 0 /

=== TEST 22: Cache-Control: no-store on refusals only
--- http_config eval: $::Http
--- config
location = /deny { geoip_deny all; empty_gif; }
location = /451 { geoip_deny all; geoip_status 451; empty_gif; }
location = /allow { geoip_allow all; empty_gif; }
location = /dry { geoip_deny all; geoip_dry_run on; empty_gif; }
location = /other { deny all; geoip_deny country=RU; }
location = /file { geoip_allow all; }
--- request eval
["GET /deny", "GET /451", "GET /allow", "GET /dry", "GET /other", "GET /file"]
--- error_code eval
[403, 451, 200, 200, 403, 404]
--- response_headers eval
["Cache-Control: no-store", "Cache-Control: no-store", "! Cache-Control", "! Cache-Control", "! Cache-Control", "! Cache-Control"]

=== TEST 23: a dry run logs and refuses nobody
--- http_config eval: $::Http
--- config
geoip_dry_run on;
location = /t { geoip_deny country=RU; empty_gif; }
location = /off { geoip_deny country=RU; geoip_dry_run off; empty_gif; }
--- request eval
["GET /t", "GET /t", "GET /off"]
--- more_headers eval
[$::RU, $::FR, $::RU]
--- error_code eval
[200, 200, 403]
--- error_log eval
[qr/\[error\] \d+#\d+: \*\d+ dry run, country refused: RU, rule "country=RU" in \S+\/conf\/nginx\.conf:\d+, client: 203\.0\.113\.1, .*"GET \/t /, qr/\[error\] \d+#\d+: \*\d+ country refused: RU, .*"GET \/off /]
--- no_error_log
country refused: FR

=== TEST 24: the line in the log names country, rule, file and line
--- http_config eval: $::Http
--- config
include geo/*.conf;
--- user_files
>>> ../conf/geo/site.conf
location = /t {
    geoip_allow country=DE;
    geoip_deny country=RU,BY;
    empty_gif;
}
--- request
GET /t
--- more_headers eval: $::RU
--- error_code: 403
--- error_log eval
qr/\[error\] \d+#\d+: \*\d+ country refused: RU, rule "country=RU,BY" in \S+\/conf\/geo\/site\.conf:3, client: 203\.0\.113\.1, server: localhost, request: "GET \/t HTTP\/1\.1", host: "localhost"$/

=== TEST 25: geoip_log_level
--- http_config eval: $::Http
--- config
geoip_deny all;
geoip_log_level warn;
location = /warn { empty_gif; }
location = /info { geoip_log_level info; empty_gif; }
location = /notice { geoip_log_level notice; empty_gif; }
location = /error { geoip_log_level error; empty_gif; }
--- request eval
["GET /warn", "GET /info", "GET /notice", "GET /error"]
--- error_code eval
[403, 403, 403, 403]
--- error_log eval
[qr/\[warn\] .*country refused: JP.*"GET \/warn /, qr/\[info\] .*country refused: JP.*"GET \/info /, qr/\[notice\] .*country refused: JP.*"GET \/notice /, qr/\[error\] .*country refused: JP.*"GET \/error /]

=== TEST 26: geoip_address: any string, as it is at the time of the check
--- http_config eval: $::Http
--- config
geoip_deny country=RU;
geoip_deny unknown=yes;
geoip_address $http_x_client;
location = /t { empty_gif; }
location = /word { geoip_address 203.0.113.9; empty_gif; }
location = /own { geoip_address $remote_addr; empty_gif; }
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /word", "GET /own"]
--- more_headers eval
["X-Client: 203.0.113.1", "X-Client: 192.0.2.1", "X-Client: 2001:db8::5", "X-Client: 2001:DB8:0:0::5", "X-Client: ::ffff:203.0.113.1", "X-Client: ::ffff:c000:201", "X-Client: 192.0.2.1", "X-Client: 203.0.113.1"]
--- error_code eval
[403, 200, 200, 200, 403, 200, 403, 200]

=== TEST 27: what is not one address is unknown
--- http_config eval: $::Http
--- config
location = /t { geoip_address $http_x_client; geoip_deny unknown=yes; empty_gif; }
location = /net { geoip_address $http_x_client; geoip_deny address=0.0.0.0/0,::/0; empty_gif; }
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /net", "GET /net"]
--- more_headers eval
["A: b", "X-Client: ", "X-Client: junk", "X-Client: 192.0.2.1, 192.0.2.2", "X-Client: 192.0.2.1:80", "X-Client: [2001:db8::1]", "X-Client: 192.0.2.256", "X-Client: 192.0.2.1/24", "X-Client: 192.0.002.1", "X-Client: \xff\xfe", "X-Client: junk", "X-Client: 10.9.8.7"]
--- error_code eval
[403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 200, 403]
--- error_log
[info]
geoip: "192.0.2.1, 192.0.2.2" is no address

=== TEST 28: realip at location level runs before the check
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
--- config
location = /t { set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP; geoip_deny country=RU; empty_gif; }
location = /none { geoip_deny country=RU; empty_gif; }
--- request eval
["GET /t", "GET /t", "GET /none"]
--- more_headers eval
[$::RU, $::FR, $::RU]
--- error_code eval
[403, 200, 200]

=== TEST 29: IPv6 clients, mapped and not
--- http_config eval: $::Http
--- config
location = /t { geoip_deny country=DE,RU; empty_gif; }
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval
[$::DE, "X-Real-IP: 2001:db9::1", "X-Real-IP: ::ffff:203.0.113.1", "X-Real-IP: ::ffff:192.0.2.1"]
--- error_code eval
[403, 200, 403, 200]

=== TEST 30: error_page shows a page of the same level, which is not refused again
--- http_config eval: $::Http
--- config
geoip_deny country=RU;
geoip_status 451;
error_page 451 /refused.html;
location = /t { empty_gif; }
--- user_files
>>> refused.html
not in your country
--- request eval
["GET /t", "GET /refused.html", "GET /refused.html"]
--- more_headers eval
[$::RU, $::RU, $::FR]
--- error_code eval
[451, 451, 200]
--- response_body eval
["not in your country\n", "not in your country\n", "not in your country\n"]
--- response_headers eval
["Cache-Control: no-store", "Cache-Control: no-store", "! Cache-Control"]
--- error_log
country refused: RU

=== TEST 31: error_page to a named location, to another status, to a proxied page
--- http_upstream: a
--- http_config eval: $::Http
--- config
geoip_deny country=RU;
location = /named { error_page 403 @page; empty_gif; }
location @page { return 403 "named\n"; }
location = /status { error_page 403 =200 /page; empty_gif; }
location = /page { try_files /index.html =404; }
location = /proxied { error_page 403 @proxied; empty_gif; }
location @proxied { proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- request eval
["GET /named", "GET /status", "GET /proxied"]
--- more_headers eval
[$::RU, $::RU, $::RU]
--- error_code eval
[403, 200, 403]
--- response_body_like eval
[qr/^named$/, qr/It works/, qr/^name=a\nGET \/proxied/]
--- response_headers eval
["Cache-Control: no-store", "Cache-Control: no-store", "Cache-Control: no-store"]

=== TEST 32: the page of another module's refusal is checked like any other
--- http_config eval: $::Http
--- config
error_page 404 /missing.html;
location = /t { geoip_allow all; }
location = /missing.html { geoip_deny country=RU; }
--- user_files
>>> missing.html
nothing here
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
[$::FR, $::RU]
--- error_code eval
[404, 403]
--- response_body_like eval
[qr/^nothing here$/, qr/403 Forbidden/]

=== TEST 33: the access log of a refusal has the verdict, also after error_page
--- http_config eval
$::Http . 'log_format geo "$uri $status country=$geoip_country verdict=$geoip_verdict action=$geoip_action rule=\"$geoip_rule\"";'
--- config
access_log logs/access.log geo;
geoip_deny country=RU continent=EU;
error_page 403 /page.html;
location = /t { empty_gif; }
location = /named { error_page 403 @named; empty_gif; }
location @named { return 403; }
location = /page.html { geoip_allow all; }
--- user_files
>>> page.html
page
--- request eval
["GET /t", "GET /named", "GET /t"]
--- more_headers eval
[$::RU, $::RU, $::FR]
--- error_code eval
[403, 403, 200]
--- access_log
/page.html 403 country=RU verdict=denied action=refused rule="country=RU continent=EU"
/named 403 country=RU verdict=denied action=refused rule="country=RU continent=EU"
/t 200 country=FR verdict=none action=allowed rule="-"

=== TEST 34: after a redirect the target's rules decide
--- http_config eval: $::Http
--- config
location = /a { geoip_allow all; try_files /none /b; }
location = /b { geoip_deny country=RU; empty_gif; }
location /dir/ { index file.html; geoip_deny country=RU; }
location = /dir/file.html { geoip_allow all; }
--- user_files
>>> dir/file.html
file
--- request eval
["GET /a", "GET /a", "GET /dir/", "GET /dir/"]
--- more_headers eval
[$::RU, $::FR, $::RU, $::FR]
--- error_code eval
[403, 200, 403, 200]

=== TEST 35: return, rewrite and if act before the check
--- http_config eval: $::Http
--- config
location = /return { geoip_deny all; return 204; }
location = /rewrite { geoip_deny all; rewrite ^ /open last; }
location = /open { empty_gif; }
location = /guarded { geoip_deny country=RU; if ($geoip_verdict = denied) { return 403; } return 204; }
--- request eval
["GET /return", "GET /rewrite", "GET /guarded", "GET /guarded"]
--- more_headers eval
[$::RU, $::RU, $::RU, $::FR]
--- error_code eval
[204, 200, 403, 204]

=== TEST 36: subrequests are not checked
--- http_config eval: $::Http
--- config
location = /page.html { ssi on; ssi_types *; }
location = /part.html { geoip_deny all; }
--- user_files
>>> page.html
[<!--#include virtual="/part.html" -->]
>>> part.html
part
--- request eval
["GET /page.html", "GET /part.html"]
--- error_code eval
[200, 403]
--- response_body_like eval
[qr/^\[part\n\]$/, qr/403/]

=== TEST 37: a WebSocket is refused before the backend is asked
--- ws_upstream: echo
--- http_config eval: $::Http
--- config
location = /ws { geoip_deny country=RU; proxy_pass http://127.0.0.1:$TEST_NGINX_WS_PORT; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }
--- ws_connect: /ws
--- ws_headers eval: $::RU
--- ws_error_code: 403
--- response_headers
Cache-Control: no-store
--- error_log
country refused: RU

=== TEST 38: a WebSocket from elsewhere passes
--- ws_upstream: echo
--- http_config eval: $::Http
--- config
location = /ws { geoip_deny country=RU; proxy_pass http://127.0.0.1:$TEST_NGINX_WS_PORT; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_set_header X-Country $geoip_country; }
--- ws_connect: /ws
--- ws_headers eval: $::FR
--- ws_script
send text "hello"
recv text "hello"
send text "?headers"
recv text like /X-Country: FR\r\n/
send close 1000
recv close 1000
--- no_error_log
[error]

=== TEST 39: facts of two databases are taken together
--- http_config
geoip_db $TEST_NGINX_DATA/asn.mmdb;
geoip_db $TEST_NGINX_DATA/geo.mmdb;
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
--- config
location = /t { geoip_deny country=RU,FR; empty_gif; }
location = /u { geoip_deny unknown=yes; empty_gif; }
--- request eval
["GET /t", "GET /t", "GET /t", "GET /u", "GET /u", "GET /u"]
--- more_headers eval
[$::RU, $::FR, $::US, "X-Real-IP: 127.9.9.9", $::US, $::None]
--- error_code eval
[403, 403, 200, 200, 200, 403]

=== TEST 40: the first database that knows a fact decides it
--- http_config
geoip_db $TEST_NGINX_DATA/geo2.mmdb;
geoip_db $TEST_NGINX_DATA/geo.mmdb;
--- config
location = /t { geoip_deny country=RU; empty_gif; }
--- request
GET /t
--- error_code: 403
--- error_log
country refused: RU

=== TEST 41: in a dry run a request redirected inside the same rules is logged once
--- http_config eval: $::Http
--- config
geoip_dry_run on;
geoip_deny all;
location = / { index index.html; }
location = /index.html { }
--- request
GET /
--- error_log
dry run, country refused: JP, rule "all" in

=== TEST 42: an empty list in a file is a warning, not an error
--- http_config eval: $::Http
--- config
location = /t { geoip_deny country=@none.txt; empty_gif; }
--- user_files
>>> ../conf/none.txt
# nobody
--- request
GET /t
--- more_headers eval: $::RU
--- error_log eval
qr/\[warn\] .*"none.txt" has no values in \S+nginx.conf:\d+/

=== TEST 43: low bits of an address are a warning, as with allow and deny
--- http_config eval: $::Http
--- config
location = /t { geoip_deny address=192.0.2.9/24; empty_gif; }
--- request
GET /t
--- more_headers eval: $::FR
--- error_code: 403
--- error_log eval
qr/\[warn\] .*low address bits of 192.0.2.9\/24 are meaningless in \S+nginx.conf:\d+/

=== TEST 44: a database older than max_age is a warning
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb max_age=1s;
--- config
location = /t { geoip_deny country=JP; empty_gif; }
--- request
GET /t
--- error_code: 403
--- error_log eval
qr/\[warn\] .*geoip_db "\S+geo.mmdb" was built \d+ days ago, more than "max_age" in \S+nginx.conf:\d+/

=== TEST 45: a database younger than max_age is none
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb max_age=100y reload=0 name=x zone=1m;
--- config
location = /t { geoip_deny country=JP; empty_gif; }
--- request
GET /t
--- error_code: 403
--- no_error_log
[warn]

=== TEST 46: a HEAD, a POST and a kept connection are checked like any other
--- http_config eval: $::Http
--- config
location = /t { geoip_deny country=RU; empty_gif; }
location = /post { geoip_deny country=RU; error_page 405 =200 @done; empty_gif; }
location @done { return 200 "posted"; }
--- pipelined_requests eval
["GET /t", "GET /t", "POST /post\nbody", "POST /post\nbody"]
--- more_headers eval
[$::RU, $::FR, $::RU, $::FR]
--- error_code eval
[403, 200, 403, 200]

=== TEST 47: a HEAD
--- http_config eval: $::Http
--- config
location = /t { geoip_deny country=RU; empty_gif; }
--- request eval
["HEAD /t", "HEAD /t"]
--- more_headers eval
[$::RU, $::FR]
--- error_code eval
[403, 200]

=== TEST 48: PROXY protocol: the address that stands in front of the request counts; where there is none it is unknown
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
# The first line of what is sent is written as a part of the method.
map $uri $line {
    /fr      "PROXY TCP4 192.0.2.1 127.0.0.1 50000 80";
    /ru      "PROXY TCP4 203.0.113.1 127.0.0.1 50000 80";
    /de      "PROXY TCP6 2001:db8::1 ::1 50000 80";
    /mapped  "PROXY TCP6 ::ffff:203.0.113.1 ::1 50000 80";
    /private "PROXY TCP4 10.0.0.1 127.0.0.1 50000 80";
    /none    "PROXY UNKNOWN";
    /junk    "PROXY TCP4 300.1.1.1 127.0.0.1 50000 80";
}
server {
    listen unix:$TEST_NGINX_SERVROOT/proxied.sock proxy_protocol;
    set_real_ip_from unix:;
    real_ip_header proxy_protocol;
    location / { geoip_deny country=RU; geoip_deny unknown=yes; empty_gif; add_header X-Country $geoip_country; }
}
--- config
location / {
    proxy_method "$line\r\nGET";
    proxy_pass http://unix:$TEST_NGINX_SERVROOT/proxied.sock;
}
--- request eval
["GET /fr", "GET /ru", "GET /de", "GET /mapped", "GET /private", "GET /none", "GET /junk"]
--- error_code eval
[200, 403, 200, 403, 403, 403, 403]
--- response_headers eval
["X-Country: FR", "", "X-Country: DE", "", "", "", ""]
--- error_log eval
[qr/refused: RU, rule "country=RU" in .*GET \/mapped/, qr/refused: unknown, rule "unknown=yes" in .*client: 10.0.0.1/,
 qr/refused: unknown, rule "unknown=yes" in .*GET \/none/, qr/refused: unknown, rule "unknown=yes" in .*GET \/junk/]
