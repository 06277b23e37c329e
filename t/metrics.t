# Metrics: what is counted, once for each request, and the text in which Prometheus reads it.
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    geoip_db $TEST_NGINX_DATA/geo.mmdb name=geo;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;
    token_profile video { format scalesimple; key id=k1 file=key; }
    token_profile "odd \"name\" \\ }" { format scalesimple; key id=k1 file=key; }
_EOC_

our $Status = 'location /_gatehouse/ { gatehouse_status; }';
our $Key = ">>> ../conf/key\nkey-one\n";
our $Apps = <<'_EOC_';
>>> ../conf/apps.json
{"one.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]},
 "*.wild.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]},
 "*": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
_EOC_

our $JP = 'X-Real-IP: 127.0.0.1';
our $RU = 'X-Real-IP: 203.0.113.1';
# A link to /d/?a=1 that is good, and a path for which it is wrong.
our $Link = 'a=1&ss_token=6b3a536c25f15aa9dea2c4161115faee&ss_expiration=4000000000';
our $Users = ">>> ../conf/users\nuser:{PLAIN}password\n";
our $Login = 'Authorization: Basic dXNlcjpwYXNzd29yZA==';

no_long_string();
run_tests();

__DATA__

=== TEST 1: without a profile, a rule or a table there is the version
--- config eval: $::Status
--- request
GET /_gatehouse/-/metrics
--- response_headers
Content-Type: text/plain; version=0.0.4; charset=utf-8
Cache-Control: no-store
X-Content-Type-Options: nosniff
--- response_body_like: \A# HELP gatehouse_build_info [^\n]+\n# TYPE gatehouse_build_info gauge\ngatehouse_build_info\{version="\d+\.\d+\.\d+",nginx="1\.\d+\.\d+"\} 1\n\z

=== TEST 2: tokens by profile and verdict
--- http_config eval: $::Http
--- config eval
$::Status . 'location /d/ { token_auth video; empty_gif; } location /dry/ { token_auth video; token_auth_dry_run on; empty_gif; }'
--- user_files eval: $::Key
--- request eval
["GET /d/?$::Link", "GET /d/?$::Link", "GET /d/x?$::Link", "GET /d/", "GET /dry/", "GET /d/?ss_token=zz&ss_expiration=1", "GET /_gatehouse/-/metrics"]
--- error_code eval
[200, 200, 403, 403, 200, 403, 200]
--- response_body_like eval
["", "", "", "", "", "", "# TYPE gatehouse_token_checks_total counter\n"
 . "gatehouse_token_checks_total\\{profile=\"video\",status=\"ok\"\\} 2\n"
 . "gatehouse_token_checks_total\\{profile=\"video\",status=\"missing\"\\} 2\n"
 . "gatehouse_token_checks_total\\{profile=\"video\",status=\"malformed\"\\} 1\n"
 . "gatehouse_token_checks_total\\{profile=\"video\",status=\"invalid\"\\} 1\n"
 . "gatehouse_token_checks_total\\{profile=\"video\",status=\"expired\"\\} 0\n"]

=== TEST 3: a profile's name does not leave its quotes
--- http_config eval: $::Http
--- config eval
$::Status . 'location /d/ { token_auth "odd \"name\" \\\\ }"; empty_gif; }'
--- user_files eval: $::Key
--- request eval
["GET /d/?$::Link", "GET /_gatehouse/-/metrics"]
--- error_code eval
[200, 200]
--- response_body_like eval
["", "\ngatehouse_token_checks_total\\{profile=\"odd \\\\\"name\\\\\" \\\\\\\\ }\",status=\"ok\"\\} 1\n"]

=== TEST 4: a path that is found again without its token counts once
--- http_config eval
$::Http . "token_profile sl { format secure_link; key file=key; from path; message '{expires}\$uri {key}'; }"
--- config eval
$::Status . 'location /files/ { geoip_allow all; token_auth sl; return 200 "$uri"; }
location /files/u/ { geoip_allow all; token_auth sl; default_type text/plain; root html; }'
--- user_files eval
$::Key . ">>> files/u/bob/secret\nshown\n"
--- request eval
["GET /files/u/jHJ84rOUHuEOmwOLeXgpFg,4000000000/bob/secret", "GET /_gatehouse/-/metrics"]
--- error_code eval
[200, 200]
--- response_body_like eval
["^shown\n", "sl\",status=\"ok\"\\} 1\n(?s:.*)verdict=\"allowed\"\\} 1\n[^\n]+verdict=\"denied\"\\} 0\n[^\n]+verdict=\"none\"\\} 0\n"]

=== TEST 5: a request counts once: `index`, `try_files`, the page of a refusal
--- http_config eval: $::Http
--- config eval
'location /_gatehouse/ { gatehouse_status; allow 127.0.0.1; deny all; } root html; error_page 403 /denied.html;
location / { geoip_deny country=RU; token_auth video; }
location /t/ { geoip_deny country=RU; token_auth video; try_files /none /d/index.html; }'
--- user_files eval
$::Key . ">>> d/index.html\nindex\n>>> denied.html\ndenied\n"
--- request eval
["GET /d/?$::Link", "GET /t/", "GET /d/", "GET /_gatehouse/-/metrics"]
--- more_headers eval
[$::JP, $::JP, $::RU, $::JP]
--- error_code eval
[200, 403, 403, 200]
--- response_body_like eval
["^index\n", "^denied\n", "^denied\n",
 "video\",status=\"ok\"\\} 1\n[^\n]+video\",status=\"missing\"\\} 1\n(?s:.*)"
 . "# TYPE gatehouse_geoip_checks_total counter\n"
 . "gatehouse_geoip_checks_total\\{verdict=\"allowed\"\\} 0\n"
 . "gatehouse_geoip_checks_total\\{verdict=\"denied\"\\} 1\n"
 . "gatehouse_geoip_checks_total\\{verdict=\"none\"\\} 2\n"]

=== TEST 6: a refusal that `satisfy any` overrules is not counted; one that stands is
--- http_config eval: $::Http
--- config eval
$::Status . 'location /any/ { satisfy any; geoip_deny country=RU; token_auth video; auth_basic r; auth_basic_user_file users; empty_gif; }'
--- user_files eval: $::Key . $::Users
--- request eval
["GET /any/", "GET /any/", "GET /any/", "GET /_gatehouse/-/metrics"]
--- more_headers eval
["$::RU\n$::Login", "$::JP\n$::Login", $::RU, $::JP]
--- error_code eval
[200, 200, 401, 200]
--- response_body_like eval
["", "", "", "video\",status=\"ok\"\\} 0\n[^\n]+video\",status=\"missing\"\\} 1\n(?s:.*)"
 . "verdict=\"allowed\"\\} 0\n[^\n]+verdict=\"denied\"\\} 1\n[^\n]+verdict=\"none\"\\} 1\n"]

=== TEST 7: a dry run is counted as what it would have been, once beside the real check of the same request
--- http_config eval: $::Http
--- config eval
$::Status . 'location /d/ { geoip_deny country=RU; geoip_dry_run on; token_auth video; token_auth_dry_run on; try_files /none /real/; }
location /real/ { internal; geoip_deny country=RU; token_auth video; empty_gif; }'
--- user_files eval: $::Key
--- request eval
["GET /d/", "GET /_gatehouse/-/metrics"]
--- more_headers eval
[$::RU, $::JP]
--- error_code eval
[403, 200]
--- response_body_like eval
["", "video\",status=\"missing\"\\} 1\n(?s:.*)verdict=\"denied\"\\} 1\n"]

=== TEST 8: subrequests are not checked and not counted
--- http_config eval: $::Http
--- config eval
$::Status . 'location /d/ { token_auth video; geoip_deny country=RU; root html; } location = /page { token_auth video; token_auth_dry_run on; geoip_allow all; ssi on; ssi_types *; default_type text/html; root html; }'
--- user_files eval
$::Key . ">>> page\n<!--#include virtual=\"/d/in\" --><!--#include virtual=\"/d/in\" -->\n>>> d/in\nin\n"
--- request eval
["GET /page", "GET /_gatehouse/-/metrics"]
--- more_headers eval
[$::RU, $::JP]
--- error_code eval
[200, 200]
--- response_body_like eval
["^in\nin\n", "video\",status=\"ok\"\\} 0\n[^\n]+video\",status=\"missing\"\\} 1\n(?s:.*)"
 . "verdict=\"allowed\"\\} 1\n[^\n]+verdict=\"denied\"\\} 0\n[^\n]+verdict=\"none\"\\} 0\n"]

=== TEST 9: requests by table, by what the lookup found, by status; whatever the host is, no name of it
--- http_upstream: a
--- http_config
upstream_table apps { zone 1m; file apps.json; }
upstream_table few { zone 1m; file few.json; miss 503; }
upstream backend { upstream_lookup apps $host; }
upstream few { upstream_lookup few $host; }
--- config eval
$::Status . '
location / { proxy_pass http://backend; proxy_set_header Host $host; }
location /status/503 { proxy_pass http://backend; }
location /few { proxy_pass http://few; } location /page { error_page 503 = /status/503; proxy_pass http://few; }'
--- user_files eval
$::Apps . ">>> ../conf/few.json\n{}\n"
--- request eval
["GET /", "GET /", "GET /status/503", "GET /", "GET /", "GET /few", "GET /page", "GET /_gatehouse/-/metrics"]
--- more_headers eval
["Host: one.test", "Host: ONE.test.", "Host: one.test", "Host: a.wild.test", "Host: evil'(1)'.example", "Host: one.test", "Host: one.test", "Host: one.test"]
--- error_code eval
[200, 200, 503, 200, 200, 503, 503, 200]
--- response_body_like eval
["", "", "", "", "", "", "", "# TYPE gatehouse_requests_total counter\n"
 . "gatehouse_requests_total\\{table=\"apps\",result=\"exact\",code=\"200\"\\} 2\n"
 . "gatehouse_requests_total\\{table=\"apps\",result=\"exact\",code=\"503\"\\} 2\n"
 . "gatehouse_requests_total\\{table=\"apps\",result=\"wildcard\",code=\"200\"\\} 1\n"
 . "gatehouse_requests_total\\{table=\"apps\",result=\"default\",code=\"200\"\\} 1\n"
 . "gatehouse_requests_total\\{table=\"few\",result=\"miss\",code=\"503\"\\} 1\n"
 . "# HELP (?s:.*)# TYPE gatehouse_table_routes gauge\n"
 . "gatehouse_table_routes\\{table=\"apps\"\\} 3\ngatehouse_table_routes\\{table=\"few\"\\} 0\n"]

=== TEST 10: what is known of a table that follows a file
--- http_upstream: a
--- http_config
upstream_table apps { zone 1m; file apps.json reload=20ms; }
upstream_table api { zone 1m; }
--- config
location /_apps/ { upstream_api apps; }
location /_api/ { upstream_api api write=on; }
--- user_files eval: $::Apps
--- request
GET /_apps/-/metrics
--- response_body_like: gatehouse_table_changes_total\{table="apps"\} 3\n[^\n]+table="api"\} 0\n(?s:.*)gatehouse_zone_bytes\{table="apps",kind="routes"\} \d+\n[^\n]+kind="retired"\} 0\n[^\n]+kind="free"\} \d+\n[^\n]+kind="other"\} \d+\n(?s:.*)gatehouse_feeder_up\{table="apps",feeder="file"\} 1\n#(?s:.*)gatehouse_feeder_last_success_timestamp_seconds\{table="apps",feeder="file"\} 1[78]\d{8}\n

=== TEST 11: databases
--- http_config eval: $::Http
--- config eval: $::Status
--- user_files eval: $::Key
--- request
GET /_gatehouse/-/metrics
--- response_body_like: \ngatehouse_geoip_database_build_timestamp_seconds\{db="geo"\} \d+\n
--- response_body_unlike: gatehouse_geoip_checks_total

=== TEST 12: HEAD, other methods, other paths
--- config eval: $::Status
--- request eval
["HEAD /_gatehouse/-/metrics", "POST /_gatehouse/-/metrics\nx=1", "PUT /_gatehouse/-/ready", "OPTIONS /_gatehouse/-/version", "GET /_gatehouse/", "GET /_gatehouse/-/other", "GET /_gatehouse/-/metrics/x", "GET /_gatehouse/-/version?x=1"]
--- error_code eval
[200, 405, 405, 204, 404, 404, 404, 200]
--- response_headers eval
["Content-Type: text/plain; version=0.0.4; charset=utf-8", "Allow: GET, HEAD, OPTIONS", "Allow: GET, HEAD, OPTIONS", "Allow: GET, HEAD, OPTIONS", "Content-Type: application/json", "Content-Type: application/json", "Content-Type: application/json", "Content-Type: application/json"]
--- response_body_like eval
["^\$", "\"code\":\"method_not_allowed\"", "method_not_allowed", "^\$", "unknown_path", "unknown_path", "unknown_path", "^\\{\"version\":\"[\\d.]+\",\"nginx\":\"[\\d.]+\"\\}\n\$"]

=== TEST 13: ready
--- http_upstream: a
--- http_config
upstream_table apps { zone 1m; file apps.json; }
upstream_table api { zone 1m; }
--- config eval
$::Status . 'location /_api/ { upstream_api api write=on; } location = /if-ready { auth_request /_gatehouse/-/ready; empty_gif; }'
--- user_files eval: $::Apps
--- request eval
["GET /_gatehouse/-/ready", "HEAD /_api/-/ready", "GET /if-ready", "POST /_api/-/ready\n{}"]
--- error_code eval
[200, 200, 200, 405]
--- response_headers eval
["Content-Type: application/json", "Content-Type: application/json", "Content-Type: image/gif", "Allow: GET, HEAD, OPTIONS"]

=== TEST 14: a table that was never filled is not ready
--- http_config
upstream_table apps { zone 1m; redis 127.0.0.1:1; }
--- config eval
$::Status . 'location = /if-ready { auth_request /_gatehouse/-/ready; empty_gif; }'
--- request eval
["GET /_gatehouse/-/ready", "GET /_gatehouse/-/metrics"]
--- error_code eval
[503, 200]
--- response_body_like eval
["^\\{\"ready\":false,\"why\":\"upstream_table \\\\\"apps\\\\\" has not been filled yet\"\\}\n\$",
 "gatehouse_feeder_up\\{table=\"apps\",feeder=\"redis\"\\} 0\n(?s:.*)last_success_timestamp_seconds\\{table=\"apps\",feeder=\"redis\"\\} 0\n"]

=== TEST 15: with a key in front of the API the metrics are behind it, too
--- http_config
upstream_table api { zone 1m; }
--- config
location /_api/ { upstream_api api write=on key_file=key; }
--- user_files
>>> ../conf/key
secret
--- request eval
["GET /_api/-/metrics", "GET /_api/-/ready", "GET /_api/-/metrics"]
--- more_headers eval
["X: y", "Authorization: Bearer wrong", "Authorization: Bearer secret"]
--- error_code eval
[401, 401, 200]
--- no_error_log
secret

=== TEST 16: part of a page (SSI), and `if` and `limit_except` of the location
--- config
location /_gatehouse/ { gatehouse_status; limit_except GET HEAD { deny all; } if ($arg_x) { set $y 1; } }
location = /page { ssi on; ssi_types *; default_type text/html; root html; }
--- user_files
>>> page
[<!--#include virtual="/_gatehouse/-/ready" -->]
--- request eval
["GET /page", "GET /_gatehouse/-/ready?x=1", "POST /_gatehouse/-/ready"]
--- error_code eval
[200, 200, 403]
--- response_body_like eval
["^\\[\\{\"ready\":true\\}\n\\]", "ready", "403"]

=== TEST 17: a `limit_except` that lets pass answers as its location does, a location inside of it does not
--- config
location /_gatehouse/ {
    gatehouse_status;
    limit_except GET HEAD { allow all; }
    location /_gatehouse/-/ready/own { return 418; }
    location /_gatehouse/-/version { default_type text/css; }
}
--- user_files
>>> _gatehouse/-/version
a file
--- request eval
["OPTIONS /_gatehouse/-/ready", "GET /_gatehouse/-/ready/own", "GET /_gatehouse/-/version"]
--- error_code eval
[204, 418, 200]
--- response_body_like eval
["^\$", "", "^a file"]

=== TEST 18: where the directive may stand
--- http_config
upstream_table api { zone 1m; }
--- config
CASE
--- conf_cases
# in a server
gatehouse_status;
=> "gatehouse_status" directive is not allowed here
# with a word
location /a/ { gatehouse_status on; }
=> invalid number of arguments in "gatehouse_status" directive
# twice
location /a/ { gatehouse_status; gatehouse_status; }
=> "gatehouse_status" directive is duplicate
# not below
location = /a { gatehouse_status; }
=> "gatehouse_status" directive must stand in a location that is a prefix and ends in "/", such as "location /_gatehouse/"
# a regular expression
location ~ /a/ { gatehouse_status; }
=> "gatehouse_status" directive must stand in a location that is a prefix and ends in "/", such as "location /_gatehouse/"
# beside an API
location /a/ { upstream_api api write=on; gatehouse_status; }
=> "gatehouse_status" directive cannot share its location with "upstream_api"
# in front of an API
location /a/ { gatehouse_status; upstream_api api write=on; }
=> "upstream_api" directive cannot share its location with "gatehouse_status"

=== TEST 19: a refusal that no log takes is counted all the same, by `satisfy any` too
--- log_level: crit
--- http_config eval: $::Http
--- config eval
$::Status . 'location /all/ { token_auth video; empty_gif; }
location /any/ { satisfy any; geoip_deny country=RU; token_auth video; auth_basic r; auth_basic_user_file users; empty_gif; }'
--- user_files eval: $::Key . $::Users
--- request eval
["GET /all/", "GET /any/", "GET /any/", "GET /_gatehouse/-/metrics"]
--- more_headers eval
[$::JP, "$::RU\n$::Login", $::RU, $::JP]
--- error_code eval
[403, 200, 401, 200]
--- response_body_like eval
["", "", "", "video\",status=\"ok\"\\} 0\n[^\n]+video\",status=\"missing\"\\} 2\n(?s:.*)verdict=\"denied\"\\} 1\n"]
--- no_error_log
refused

=== TEST 20: a table is ready when its file is empty, and when it has routes that its store did not bring
--- http_upstream: a
--- http_config
upstream_table empty { zone 1m; file empty.json; }
upstream_table seeded { zone 1m; redis 127.0.0.1:1; file apps.json; }
--- config eval: $::Status
--- user_files eval
$::Apps . ">>> ../conf/empty.json\n{}\n"
--- request
GET /_gatehouse/-/ready
--- error_code: 200
--- response_body_like: ^\{"ready":true\}
