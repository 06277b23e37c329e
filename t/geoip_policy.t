# geoip_policy and geoip_use: country rules by name, which data may choose but never switch off.
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    geoip_db $TEST_NGINX_DATA/geo.mmdb;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;
    geoip_policy eu     { allow eu=yes; deny all; status 451; }
    geoip_policy no-ru  { deny country=RU; }
    geoip_policy listed { include listed.conf; }
    geoip_policy open   { }
_EOC_

our $Files = <<'_EOC_';
>>> ../conf/listed.conf
allow country=@countries;
deny all;
>>> ../conf/countries
JP  # and no other
_EOC_

our $FR = 'X-Real-IP: 192.0.2.1';
our $US = 'X-Real-IP: 198.51.100.1';
our $RU = 'X-Real-IP: 203.0.113.1';
our $JP = 'X-Real-IP: 127.0.0.1';
our $KP = 'X-Real-IP: 127.0.0.2';
our $None = 'X-Real-IP: 10.0.0.1';

no_long_string();
run_tests();

__DATA__

=== TEST 1: a policy's rules, its status, a file, an include; one without rules refuses nobody
--- http_config eval: $::Http
--- config
location = /eu { geoip_use eu; empty_gif; }
location = /no-ru { geoip_use no-ru; empty_gif; }
location = /listed { geoip_use listed; empty_gif; }
location = /open { geoip_use open; empty_gif; }
--- user_files eval: $::Files
--- request eval
["GET /eu", "GET /eu", "GET /eu", "GET /no-ru", "GET /no-ru", "GET /no-ru", "GET /listed", "GET /listed", "GET /open"]
--- more_headers eval
[$::FR, $::US, $::None, $::FR, $::RU, $::None, $::JP, $::FR, $::RU]
--- error_code eval
[200, 451, 451, 200, 403, 200, 200, 403, 200]
--- error_log eval
[qr{\[error\] .*country refused: US, rule "all" in \S+/conf/nginx\.conf:\d+, policy "eu", client}, qr{country refused: RU, rule "country=RU" in \S+/conf/nginx\.conf:\d+, policy "no-ru", client}, qr{country refused: FR, rule "all" in \S+/conf/listed\.conf:2, policy "listed", client}]

=== TEST 2: data chooses the policy
--- http_config eval
$::Http . 'map $http_host $policy { a.test eu; b.test no-ru; c.test open; }'
--- config
location / { geoip_use $policy; empty_gif; }
--- user_files eval: $::Files
--- request eval
["GET /", "GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
["Host: a.test\n" . $::US, "Host: a.test\n" . $::FR, "Host: b.test\n" . $::US, "Host: b.test\n" . $::RU, "Host: c.test\n" . $::RU]
--- error_code eval
[451, 200, 200, 403, 200]

=== TEST 3: data never switches a check off: an empty or unknown name is a 500, and so is the word "off"
--- http_config eval: $::Http
--- config
location = /t { geoip_use $http_policy; empty_gif; }
location = /dry { geoip_use $http_policy; geoip_dry_run on; empty_gif; }
location = /any { geoip_use $http_policy; satisfy any; allow all; empty_gif; }
location = /own { geoip_use $http_policy; geoip_allow all; empty_gif; }
location = /bypass { geoip_use $http_policy; geoip_bypass 1; empty_gif; }
location = /var { geoip_use $http_policy; return 200 "$geoip_verdict"; }
--- user_files eval: $::Files
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /dry", "GET /any", "GET /own", "GET /bypass", "GET /var"]
--- more_headers eval
["", "Policy: off", "Policy: nobody", "Policy: EU", "Policy: eu\xff", "Policy: open", "Policy: off", "Policy: off", "Policy: off", "Policy: off", "Policy: off"]
--- error_code eval
[500, 500, 500, 500, 500, 200, 500, 500, 500, 500, 500]
--- error_log eval
[qr/\[error\] .*geoip_use: unknown geoip_policy ""/, qr/\[error\] .*geoip_use: unknown geoip_policy "off"/, qr/\[error\] .*geoip_use: unknown geoip_policy "nobody"/]

=== TEST 4: the location's own rules come first, the policy decides what they leave open
--- http_config eval: $::Http
--- config
location = /t { geoip_deny country=KP; geoip_allow country=RU; geoip_status 410; geoip_use $http_policy; empty_gif; }
--- user_files eval: $::Files
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval
["Policy: open\n" . $::KP, "Policy: eu\n" . $::KP, "Policy: eu\n" . $::RU, "Policy: eu\n" . $::US, "Policy: listed\n" . $::US, "Policy: eu\n" . $::FR]
--- error_code eval
[410, 410, 200, 451, 410, 200]
--- error_log eval
[qr{country refused: KP, rule "country=KP" in \S+/conf/nginx\.conf:\d+, client}, qr{country refused: US, rule "all" in \S+/conf/nginx\.conf:\d+, policy "eu", client}]

=== TEST 5: the variables, also in a `return`, and what came of it
--- http_config eval: $::Http
--- config
location = /return { geoip_use $http_policy; return 200 "$geoip_verdict [$geoip_rule] [$geoip_action]"; }
location / { geoip_use $http_policy; add_header X-Geo "$geoip_verdict [$geoip_rule] [$geoip_action]" always; root html; }
--- user_files eval
$::Files . ">>> v\n"
--- request eval
["GET /return", "GET /return", "GET /return", "GET /v", "GET /v", "GET /v"]
--- more_headers eval
["Policy: eu\n" . $::FR, "Policy: eu\n" . $::US, "Policy: open\n" . $::US, "Policy: eu\n" . $::FR, "Policy: eu\n" . $::US, "Policy: open\n" . $::US]
--- error_code eval
[200, 200, 200, 200, 451, 200]
--- response_body_like eval
["^allowed \\[eu=yes\\] \\[\\]\$", "^denied \\[all\\] \\[\\]\$", "^none \\[\\] \\[\\]\$", "", "", ""]
--- response_headers eval
["", "", "", "X-Geo: allowed [eu=yes] [allowed]", "X-Geo: denied [all] [refused]", "X-Geo: none [] [allowed]"]

=== TEST 6: inherited, replaced, ended; its own rules of a location stand beside the inherited policy
--- http_config eval: $::Http
--- config
geoip_use eu;
location = /in { empty_gif; }
location = /other { geoip_use no-ru; empty_gif; }
location = /off { geoip_use off; empty_gif; }
location = /rules { geoip_allow country=US; empty_gif; }
location / { geoip_use off; location = /deep { geoip_use listed; empty_gif; } location = /deep-off { empty_gif; } }
--- user_files eval: $::Files
--- request eval
["GET /in", "GET /other", "GET /other", "GET /off", "GET /rules", "GET /rules", "GET /deep", "GET /deep", "GET /deep-off"]
--- more_headers eval
[$::US, $::US, $::RU, $::RU, $::US, $::RU, $::JP, $::FR, $::RU]
--- error_code eval
[451, 200, 403, 200, 200, 451, 200, 403, 200]

=== TEST 7: a dry run, a bypass, another address
--- http_config eval: $::Http
--- config
location = /dry { geoip_use eu; geoip_dry_run on; add_header X-Action $geoip_action; empty_gif; }
location = /bypass { geoip_use eu; geoip_bypass $arg_key; empty_gif; }
location = /address { geoip_use eu; geoip_address $arg_a; empty_gif; }
--- user_files eval: $::Files
--- request eval
["GET /dry", "GET /bypass?key=1", "GET /bypass?key=0", "GET /address?a=192.0.2.1", "GET /address?a=no"]
--- more_headers eval: $::US
--- error_code eval
[200, 200, 451, 200, 451]
--- response_headers eval
["X-Action: dry_run", "", "", "", ""]
--- error_log eval
[qr{dry run, country refused: US, rule "all" in \S+/conf/nginx\.conf:\d+, policy "eu"}, qr{country refused: unknown, rule "all" in \S+, policy "eu"}]

=== TEST 8: under satisfy any
--- http_config eval: $::Http
--- config
location / { geoip_use $http_policy; satisfy any; allow 10.0.0.1; deny all; empty_gif; }
--- user_files eval: $::Files
--- request eval
["GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
["Policy: eu\n" . $::FR, "Policy: eu\n" . $::US, "Policy: eu\n" . $::None, "Policy: open\n" . $::FR]
--- error_code eval
[200, 403, 200, 403]
--- error_log
policy "eu", client: 198.51.100.1
--- no_error_log
policy "eu", client: 10.0.0.1

=== TEST 9: internal redirects, the page of a refusal, a subrequest
--- http_config eval: $::Http
--- config
geoip_use $http_policy;
error_page 451 /page;
location = /page { return 200 "page $geoip_verdict $geoip_rule"; }
location / { root html; try_files /v =404; }
location = /asked { auth_request /ask; root html; try_files /v =404; }
location = /ask { internal; geoip_use off; if ($geoip_verdict = none) { return 204; } return 403; }
--- user_files eval
$::Files . ">>> v\nshown\n"
--- request eval
["GET /", "GET /", "GET /asked"]
--- more_headers eval
["Policy: eu\n" . $::FR, "Policy: eu\n" . $::US, "Policy: open\n" . $::US]
--- error_code eval
[200, 451, 200]
--- response_body eval
["shown\n", "page denied all", "shown\n"]

=== TEST 10: a policy may stand behind what names it, and only there where it can
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
CASE
--- user_files
>>> ../conf/bad.conf
allow eu=yes;

allow planet=mars;
>>> ../conf/extra.conf

server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    location / {
        geoip_use nobody;
    }
}
--- conf_cases
# behind its use
geoip_use p; geoip_policy p { deny country=RU; }
=> ok
# an unknown policy
geoip_use q; geoip_policy p { }
=> unknown geoip_policy "q" in "geoip_use" directive
# an unknown policy, where it is named
include extra.conf;
=> unknown geoip_policy "nobody" in "geoip_use" directive @ extra.conf:5
# the same policy twice
geoip_policy p { } geoip_policy p { }
=> duplicate geoip_policy "p"
# `off` is no name
geoip_policy off { }
=> invalid geoip_policy name "off", it must not be empty, "off" or contain "$"
# an empty name
geoip_policy "" { }
=> invalid geoip_policy name "", it must not be empty, "off" or contain "$"
# a variable is no name
geoip_policy $p { }
=> invalid geoip_policy name "$p", it must not be empty, "off" or contain "$"
# an unknown word
geoip_policy p { geoip_allow eu=yes; }
=> unknown directive "geoip_allow" in geoip_policy, it must be "allow", "deny" or "status"
# an unknown field, in an include
geoip_policy p { include bad.conf; }
=> unknown field "planet" in "allow" directive, it must be "country", "registered_country", "continent", "subdivision", "city", "asn", "eu", "anonymous", "unknown" or "address" @ bad.conf:3
# a rule without words
geoip_policy p { deny; }
=> invalid number of arguments in "deny" directive
# a status that is none
geoip_policy p { status 302; }
=> invalid value "302" in "status" directive, it must be between 400 and 599, and neither 408 nor 499
# a status twice
geoip_policy p { status 403; status 404; }
=> "status" directive is duplicate
# a status without a number
geoip_policy p { status; }
=> invalid number of arguments in "status" directive
# geoip_use twice
geoip_policy p { } geoip_use p; geoip_use p;
=> "geoip_use" directive is duplicate
# a policy in a server
server { listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1; geoip_policy p { } }
=> "geoip_policy" directive is not allowed here
# `all` beside a field
geoip_policy p { deny all country=RU; }
=> invalid parameter "all" in "deny" directive
# a list that cannot be read
geoip_policy p { deny country=@none; }
=> cannot read "*/conf/none" (2: No such file or directory) in "deny" directive
# who is allowed while nobody is refused
geoip_policy p { allow eu=yes; }
=> [warn] "allow eu=yes" refuses nobody without a "deny all" behind it
# also where it is used, but not under satisfy any
geoip_policy p { allow eu=yes; } geoip_use p;
=> [warn] "allow eu=yes" refuses nobody without a "deny all" behind it
# that has its use under satisfy any
geoip_policy p { allow eu=yes; } satisfy any; geoip_use p;
=> ok
# also when data chooses there
geoip_policy p { allow eu=yes; } satisfy any; geoip_use $http_x;
=> ok
# a rule that is never reached
geoip_policy p { deny all; allow eu=yes; }
=> [warn] "allow eu=yes" is never reached behind "deny all"
# a code that is no country
geoip_policy p { deny country=UK; }
=> [warn] "UK" is no country of ISO 3166-1*
# a policy behind a rule for everybody
geoip_policy p { } geoip_deny country=RU; geoip_allow all; geoip_use p;
=> [warn] "geoip_use" is never reached behind "geoip_allow all"
# a rule that allows has its use in front of a policy
geoip_policy p { deny all; } geoip_allow country=FR; geoip_use p;
=> ok

=== TEST 11: rules about countries need a database that has them
--- http_config
CASE
--- conf_cases
# no database
geoip_policy p { allow address=10.0.0.0/8; deny country=RU; }
=> "deny" needs a "geoip_db"
# what needs none
geoip_policy p { allow address=10.0.0.0/8; deny all; } geoip_use p;
=> ok
