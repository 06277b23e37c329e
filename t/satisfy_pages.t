# `satisfy` and what comes after a verdict: pages, headers, redirects, the log.
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    geoip_db $TEST_NGINX_DATA/geo.mmdb;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;
    token_profile video { format scalesimple; key text=satisfy-test; }
    log_format verdicts "$uri $status geo=$geoip_verdict/$geoip_action token=$token_auth_status/$token_auth_action";
_EOC_

our $JP = 'X-Real-IP: 127.0.0.1';
our $RU = 'X-Real-IP: 203.0.113.1';
our $Login = 'Authorization: Basic dXNlcjpwYXNzd29yZA==';
our $Users = ">>> ../conf/users\nuser:{PLAIN}password\n";

no_long_string();
run_tests();

__DATA__

=== TEST 1: GeoIP is asked first: with satisfy all a country's refusal hides the token's
--- http_config eval: $::Http
--- config
geoip_deny country=RU;
geoip_status 451;
token_auth video;
token_auth_status default=410;
location = /t { empty_gif; }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
[$::RU, $::JP]
--- error_code eval
[451, 410]
--- error_log
country refused: RU
token refused: missing
--- access_log eval
qr/ 451 /

=== TEST 2: with satisfy all a refused country does not even reach the token's check
--- http_config eval: $::Http
--- config
geoip_deny country=RU;
token_auth video;
location = /t { empty_gif; }
--- request
GET /t
--- more_headers eval: $::RU
--- error_code: 403
--- no_error_log
token refused

=== TEST 3: with satisfy any both refusals are in the log
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=RU;
token_auth video;
location = /t { empty_gif; }
--- request
GET /t
--- more_headers eval: $::RU
--- error_code: 403
--- error_log
country refused: RU
token refused: missing

=== TEST 4: with satisfy any an allowed country needs no token
--- http_config eval: $::Http
--- config
satisfy any;
geoip_allow country=JP;
token_auth video;
location = /t { empty_gif; }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
[$::JP, $::RU]
--- error_code eval
[200, 403]

=== TEST 5: with satisfy any one geoip_deny opens nothing: a country that no rule names needs the token
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=RU;
token_auth video;
location = /t { empty_gif; }
--- request
GET /t
--- more_headers eval: $::JP
--- error_code: 403
--- error_log
token refused: missing

=== TEST 6: a dry run opens nothing either
--- http_config eval: $::Http
--- config
satisfy any;
geoip_allow all;
geoip_dry_run on;
token_auth video;
location = /t { empty_gif; }
--- request
GET /t
--- error_code: 403

=== TEST 7: somebody whom the next check lets in is answered as if never refused
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=RU;
geoip_status 451;
location = /ip { allow 203.0.113.1; deny all; empty_gif; }
location = /login { auth_basic realm; auth_basic_user_file users; empty_gif; }
--- user_files eval: $::Users
--- request eval
["GET /ip", "GET /login", "GET /login"]
--- more_headers eval
[$::RU, "$::RU\n$::Login", $::RU]
--- error_code eval
[200, 200, 401]
--- response_headers eval
["! Cache-Control", "! WWW-Authenticate", "WWW-Authenticate: Basic realm=\"realm\""]

=== TEST 8: Cache-Control: no-store when nobody let it in, whatever the status
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=RU;
location = /403 { empty_gif; }
location = /451 { geoip_status 451; empty_gif; }
location = /denied { geoip_status 451; deny all; empty_gif; }
--- request eval
["GET /403", "GET /451", "GET /denied"]
--- more_headers eval
[$::RU, $::RU, $::RU]
--- error_code eval
[403, 451, 403]
--- response_headers eval
["Cache-Control: no-store", "Cache-Control: no-store", "Cache-Control: no-store"]

=== TEST 9: the page of a refusal under satisfy any is shown, not refused again
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=RU;
geoip_status 451;
error_page 451 /refused.html;
error_page 403 =200 /refused.html;
location = /451 { empty_gif; }
location = /403 { deny all; empty_gif; }
--- user_files
>>> refused.html
refused
--- request eval
["GET /451", "GET /403"]
--- more_headers eval
[$::RU, $::RU]
--- error_code eval
[451, 200]
--- response_body eval
["refused\n", "refused\n"]

=== TEST 10: auth_request is asked after both checks
--- http_config eval: $::Http
--- config
location = /any { satisfy any; geoip_deny country=RU; geoip_status 451; auth_request /auth; empty_gif; }
location = /all { geoip_deny country=RU; geoip_status 451; auth_request /auth; empty_gif; }
location = /auth { if ($http_x_ok = "") { return 403; } return 204; }
--- request eval
["GET /any", "GET /any", "GET /all", "GET /all"]
--- more_headers eval
["$::RU\nX-OK: 1", $::RU, "$::RU\nX-OK: 1", "$::JP\nX-OK: 1"]
--- error_code eval
[200, 403, 451, 200]

=== TEST 11: a redirect inside the same rules: allowed by address at the first, asked again at the second
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=RU;
location = /dir/ { allow 203.0.113.1; deny all; index file.html; }
location = /dir/file.html { deny all; }
--- user_files
>>> dir/file.html
file
--- request
GET /dir/
--- more_headers eval: $::RU
--- error_code: 403

=== TEST 12: the access log has both verdicts
--- http_config eval: $::Http
--- config
access_log logs/access.log verdicts;
satisfy any;
geoip_deny country=RU;
token_auth video;
location = /t { allow 203.0.113.1; empty_gif; }
location = /u { empty_gif; }
--- request eval
["GET /t", "GET /u", "GET /u"]
--- more_headers eval
[$::RU, $::RU, $::JP]
--- error_code eval
[200, 403, 403]
--- access_log
/t 200 geo=denied/allowed token=missing/allowed
/u 403 geo=denied/refused token=missing/refused
/u 403 geo=none/allowed token=missing/refused

=== TEST 13: 444 under satisfy any: the next may still allow, else the connection closes
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=RU;
geoip_status 444;
location = /t { allow 203.0.113.1; empty_gif; }
--- request
GET /t
--- more_headers eval: $::RU
--- error_code: 200

=== TEST 14: 444 and nobody who allows
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=RU;
geoip_status 444;
location = /t { empty_gif; }
--- request
GET /t
--- more_headers eval: $::RU
--- ignore_response
--- access_log eval
qr/"GET \/t HTTP\/1.1" 444 0 /

=== TEST 15: a path token leads back to rules: those that it overrules, or others
--- http_config eval
$::Http . 'token_profile path { format scalesimple; key text=satisfy-test; from path; }'
--- config
location / { satisfy any; geoip_deny country=RU; token_auth path; }
location = /secret { geoip_deny country=RU; empty_gif; }
--- request eval
["GET /bbc0091915d86774b6b267426f188593,4102444800/index.html", "GET /bbc0091915d86774b6b267426f188593,4102444800/index.html", "GET /cdca643ba6b922e8da2ea74986ac4879,4102444800/secret", "GET /cdca643ba6b922e8da2ea74986ac4879,4102444800/secret"]
--- more_headers eval
[$::RU, $::JP, $::RU, $::JP]
--- error_code eval
[200, 200, 403, 200]
--- response_headers eval
["! Cache-Control", "! Cache-Control", "Cache-Control: no-store", "! Cache-Control"]

=== TEST 16: a refusal that satisfy any overrules is not in the log, at the same or another status
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=RU;
token_auth video;
location = /ip { allow 203.0.113.1; empty_gif; }
location = /451 { geoip_status 451; token_auth_status default=410; allow 203.0.113.1; empty_gif; }
location = /login { auth_basic realm; auth_basic_user_file users; empty_gif; }
location = /auth { auth_request /ok; empty_gif; }
location = /ok { return 204; }
--- user_files eval: $::Users
--- request eval
["GET /ip", "GET /451", "GET /login", "GET /auth"]
--- more_headers eval
[$::RU, $::RU, "$::RU\n$::Login", $::RU]
--- error_code eval
[200, 200, 200, 200]
--- no_error_log
refused

=== TEST 17: a refusal that stands is, with its own level, whoever else refused
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=RU;
geoip_log_level notice;
location = /ip { deny all; empty_gif; }
location = /451 { geoip_status 451; token_auth video; token_auth_log_level warn; empty_gif; }
location = /444 { geoip_status 444; geoip_log_level error; geoip_deny continent=EU; empty_gif; }
location = /login { geoip_log_level info; auth_basic realm; auth_basic_user_file users; empty_gif; }
--- user_files eval: $::Users
--- request eval
["GET /ip", "GET /451", "GET /login", "GET /444"]
--- more_headers eval
[$::RU, $::RU, $::RU, $::RU]
--- ignore_response
--- error_log eval
[qr/\[notice\] .*country refused: RU.*"GET \/ip /, qr/\[notice\] .*country refused: RU.*"GET \/451 /, qr/\[warn\] .*token refused: missing.*"GET \/451 /, qr/\[info\] .*country refused: RU.*"GET \/login /, qr/\[error\] .*country refused: RU.*"GET \/444 /]

=== TEST 18: overruled at the first location, standing at the one nginx redirects to
--- http_config eval: $::Http
--- config
access_log logs/access.log verdicts;
satisfy any;
token_auth video;
location = /dir/ { allow 127.0.0.1; index file.html; }
location = /dir/file.html { empty_gif; }
--- user_files
>>> dir/file.html
file
--- request
GET /dir/
--- error_code: 403
--- error_log
token refused: missing
--- access_log
/dir/file.html 403 geo=none/- token=missing/refused

=== TEST 19: another check's failure in between leaves the refusal in the log
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=RU;
location = /t { auth_request /broken; empty_gif; }
location = /broken { return 503; }
--- request
GET /t
--- more_headers eval: $::RU
--- error_code: 500
--- error_log
country refused: RU

=== TEST 20: a dry run speaks of those whom nobody lets in
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=RU;
geoip_dry_run on;
token_auth video;
token_auth_dry_run on;
location = /let-in { allow 203.0.113.1; deny all; empty_gif; }
location = /open { empty_gif; }
--- request eval
["GET /let-in", "GET /open"]
--- more_headers eval
[$::RU, $::RU]
--- error_code eval
[200, 200]
--- error_log eval
[qr/dry run, country refused: RU.*"GET \/open /, qr/dry run, token refused: missing.*"GET \/open /]
--- no_error_log eval
[qr/dry run.*"GET \/let-in /]

=== TEST 21: a path token that overrules a country: the log says what came of it
--- http_config eval
$::Http . 'token_profile path { format scalesimple; key text=satisfy-test; from path; }'
--- config
access_log logs/access.log verdicts;
satisfy any;
geoip_deny country=RU;
token_auth path;
location / { }
--- request
GET /bbc0091915d86774b6b267426f188593,4102444800/index.html
--- more_headers eval: $::RU
--- access_log
/index.html 200 geo=denied/allowed token=ok/allowed
--- no_error_log
refused
