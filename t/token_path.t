# A path token: what the backend gets is the path that was checked.
use Test::Nginx::Socket 'no_plan';

# How the tokens here are made is said in t/token.t.
our $Files = ">>> ../conf/key\nkey-one\n>>> v\nshown\n>>> free/v\nfree\n>>> off/v\nshown\n";
our $PP = "token_profile pp { format scalesimple; key file=key; from path; }\n";
our $SL = "token_profile sl { format secure_link; key file=key; from path; message '{expires}\$uri {key}'; }\n";
our $Pass = 'proxy_http_version 1.0; proxy_set_header Connection close; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A;';
# nginx 1.31 sends Host first, wherever it stands.
our $Up = 'proxy_set_header Host up; ' . $::Pass;
our $Raw = 'proxy_http_version 1.0; proxy_set_header Host up; proxy_set_header Connection close; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A$request_uri;';
our $E = " HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n";
our $Dry = "token_auth_dry_run on; token_auth_log_level info;";
our $Bad = "0123456789abcdef0123456789abcdef,1";

no_long_string();
run_tests();

__DATA__

=== TEST 1: `..` behind a token leads nowhere but where the token was checked
--- http_upstream: a
--- http_config eval: $::SL
--- config eval
"location /files/ { token_auth sl; $::Up } location /files/bob/ { deny all; }"
--- user_files eval: $::Files
--- request eval
["GET /files/u/jHJ84rOUHuEOmwOLeXgpFg,4000000000/../bob/secret?a=1", "GET /files/u/jHJ84rOUHuEOmwOLeXgpFg,4000000000/bob/secret", "GET /files/bob/jHJ84rOUHuEOmwOLeXgpFg,4000000000/secret", "GET /files/u/jHJ84rOUHuEOmwOLeXgpFg,4000000000/../../bob/secret"]
--- error_code eval
[200, 200, 403, 403]
--- response_body eval
["name=a\nGET /files/u/bob/secret?a=1$::E", "name=a\nGET /files/u/bob/secret$::E", qr/403/, qr/403/]

=== TEST 2: nor does the target, whoever reads it
--- http_upstream: a
--- http_config eval
$::SL . 'log_format mine "$uri|$request_uri";'
--- config eval
"access_log logs/access.log mine;
location /files/ { token_auth sl; $::Raw } location /files/bob/ { deny all; }"
--- user_files eval: $::Files
--- request
GET /files/u/jHJ84rOUHuEOmwOLeXgpFg,4000000000/../bob/secret?a=1
--- response_body eval
"name=a\nGET /files/u/bob/secret?a=1$::E"
--- access_log
/files/u/bob/secret|/files/u/bob/secret?a=1

=== TEST 3: a signature of the target opens that target and not what `..` makes of it
--- http_upstream: a
--- http_config eval: $::PP
--- config eval
"location /files/ { token_auth pp; token_auth_status malformed=400; $::Up }"
--- user_files eval: $::Files
--- request
GET /files/u/fae291711278322e97613f34eff02722,4000000000/../bob/secret
--- error_code: 400
--- error_log
token refused: malformed, profile "pp"

=== TEST 4: dry run: every spelling of a path
--- http_upstream: a
--- http_config eval: $::PP
--- config eval
"location / { token_auth pp; $::Dry $::Up }"
--- user_files eval: $::Files
--- request eval
["GET /$::Bad/../x", "GET /a/$::Bad/..", "GET //$::Bad//x", "GET /./$::Bad/./x", "GET /b/%2e%2E/$::Bad/x", "GET /$::Bad/b/../x", "GET /$::Bad/%2e%2e/x?y", "GET /%41%20b/$::Bad/x", "GET /a%2F$::Bad/x", "GET /a%3Fb/$::Bad/x", "GET /x#/$::Bad/y", "GET /$::Bad/../$::Bad/x"]
--- response_body eval
["name=a\nGET /x$::E", "name=a\nGET /a/$::E", "name=a\nGET /x$::E", "name=a\nGET /x$::E", "name=a\nGET /x$::E", "name=a\nGET /x$::E", "name=a\nGET /x?y$::E", "name=a\nGET /A%20b/x$::E", "name=a\nGET /a%2F$::Bad/x$::E", "name=a\nGET /a%3Fb/x$::E", "name=a\nGET /x$::E", "name=a\nGET /$::Bad/x$::E"]

=== TEST 5: the same by `$request_uri`: its spelling stays where it names the path that was checked
--- http_upstream: a
--- http_config eval: $::PP
--- config eval
"location / { token_auth pp; $::Dry $::Raw }"
--- user_files eval: $::Files
--- request eval
["GET /$::Bad/../x", "GET /a/$::Bad/..", "GET //$::Bad//x", "GET /./$::Bad/./x", "GET /b/%2e%2E/$::Bad/x", "GET /$::Bad/b/../x", "GET /$::Bad/%2e%2e/x?y", "GET /%41%20b/$::Bad/x"]
--- response_body eval
["name=a\nGET /x$::E", "name=a\nGET /a/$::E", "name=a\nGET ///x$::E", "name=a\nGET /././x$::E", "name=a\nGET /b/%2e%2E/x$::E", "name=a\nGET /b/../x$::E", "name=a\nGET /x?y$::E", "name=a\nGET /%41%20b/x$::E"]

=== TEST 6: `satisfy any`: somebody let in without a token
--- http_upstream: a
--- http_config eval: $::PP
--- config eval
"location / { satisfy any; allow all; token_auth pp; token_auth_log_level info; $::Up } location /deep/ { deny all; }"
--- user_files eval: $::Files
--- request eval
["GET /$::Bad/../x", "GET /x/$::Bad/../deep/x", "GET /$::Bad/deep/x", "GET /$::Bad/x"]
--- error_code eval
[200, 200, 403, 200]
--- response_body eval
["name=a\nGET /x$::E", "name=a\nGET /x/deep/x$::E", qr/403/, "name=a\nGET /x$::E"]

=== TEST 7: with merge_slashes off
--- http_upstream: a
--- http_config eval: $::PP
--- config eval
"merge_slashes off;
location / { token_auth pp; $::Dry $::Up }"
--- user_files eval: $::Files
--- request eval
["GET //$::Bad//x", "GET /$::Bad//../x"]
--- response_body eval
["name=a\nGET ///x$::E", "name=a\nGET /x$::E"]

=== TEST 8: after rewrites
--- http_upstream: a
--- http_config eval: $::PP
--- config eval
"rewrite ^/pre/(.*)\$ /\$1;
location / { token_auth pp; $::Dry rewrite ^/in/(.*)\$ /\$1 break; $::Up }
location /files/ { token_auth pp; $::Up }"
--- user_files eval: $::Files
--- request eval
["GET /pre/af2352550c72303a108bedfdb16bb5c4,4000000000/files/v", "GET /pre/$::Bad/../x", "GET /in/$::Bad/x", "GET /in/$::Bad/../x", "GET /pre/files/$::Bad/x"]
--- error_code eval
[200, 200, 200, 200, 403]
--- response_body eval
["name=a\nGET /files/v$::E", "name=a\nGET /x$::E", "name=a\nGET /x$::E", "name=a\nGET /x$::E", qr/403/]

=== TEST 9: the page of a refusal in a named location is not the way in
--- http_upstream: a
--- http_config eval: $::PP
--- config eval
"token_auth pp; root html; error_page 403 \@denied;
location / { }
location \@denied { $::Up }
location /off/ { token_auth_strip off; error_page 403 \@kept; }
location \@kept { token_auth_strip off; $::Up }"
--- user_files eval: $::Files
--- request eval
["GET /$::Bad/v", "GET /off/$::Bad/v", "GET /v", "GET /89ebef16f7b05ed3aff1d6e7c8d7dd39,4000000000/v", "GET /./$::Bad//v"]
--- error_code eval
[403, 403, 403, 200, 403]
--- response_body_unlike eval
["shown", "shown", "shown", "name=a", "shown"]
--- response_body_like eval
[qr/^GET \/v HTTP/m, "GET /off/$::Bad/v HTTP", qr/^GET \/v HTTP/m, "shown", qr/^GET \/v HTTP/m]

=== TEST 10: a refusal that was put off does not go along to the clean path
--- http_config eval
$::PP . 'geoip_db $TEST_NGINX_DATA/geo.mmdb; set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;'
--- config
root html;
location / { satisfy any; geoip_deny country=RU; geoip_status 451; token_auth pp; }
location /free/ { }
--- user_files eval: $::Files
--- request eval
["GET /02f6e5cad8e617b20de6c884970b0c82,4000000000/free/v", "GET /free/v", "GET /v"]
--- more_headers
X-Real-IP: 203.0.113.1
--- error_code eval
[200, 200, 403]
--- response_headers eval
["! Cache-Control", "! Cache-Control", "Cache-Control: no-store"]

=== TEST 11: strip off: the path is clean where it counts, the target stays as received
--- http_upstream: a
--- http_config eval: $::PP
--- config eval
"location / { token_auth pp; $::Dry token_auth_strip off; proxy_set_header Host up; proxy_set_header X-Target \$request_uri; $::Pass }"
--- user_files eval: $::Files
--- request eval
["GET /$::Bad/x", "GET /$::Bad/../x"]
--- response_body_like eval
["^name=a\nGET /x HTTP/1.0\r\nHost: up\r\nX-Target: /$::Bad/x\r", "^name=a\nGET /$::Bad/../x HTTP/1.0\r\nHost: up\r\nX-Target: /$::Bad/../x\r"]

=== TEST 12: two profiles with a path: the second one's token comes out where the first has none
--- http_upstream: a
--- http_config eval
$::PP . $::SL
--- config eval
"location / { token_auth pp; $::Dry try_files /none \@next; }
location \@next { token_auth sl; $::Dry $::Up }"
--- user_files eval: $::Files
--- request
GET /jHJ84rOUHuEOmwOLeXgpFg,4000000000/x
--- response_body_like eval
qr/^GET \/x HTTP/m

=== TEST 13: `rewrite … break`: the location is that of the path without the token
--- http_upstream: a, b
--- http_config eval: $::PP
--- config eval
"location /v/ { token_auth pp; rewrite ^/v/(.*)\$ /in/\$1 break; $::Up
  location /v/bob/ { deny all; }
  location /v/secret/ { internal; token_auth off; $::Up } }
location /in/ { internal; proxy_pass http://127.0.0.1:\$TEST_NGINX_PORT_B; }"
--- user_files eval: $::Files
--- request eval
["GET /v/fca35d527e3102bd7185fa5d6c5be511,4000000000/x", "GET /v/3e383a4fa673c9f6fa3a8d81ff302236,4000000000/x?a=1", "GET /v/ebcd448eb75e465d7d249c2a674d4c72,4000000000/bob/x", "GET /v/81a1f9a825fdb37013306e47c3680cda,4000000000/secret/x", "GET /v/x", "GET /in/fca35d527e3102bd7185fa5d6c5be511,4000000000/x"]
--- error_code eval
[200, 200, 403, 404, 403, 404]
--- response_body eval
["name=a\nGET /in/x$::E", "name=a\nGET /in/x?a=1$::E", qr/403/, qr/404/, qr/403/, qr/404/]
--- no_error_log
token refused: invalid

=== TEST 14: the same in a dry run, with arguments that the rewrite changes
--- http_upstream: a, b
--- http_config
token_profile pp { format scalesimple; key file=key; from path query=t; }
--- config eval
"location /v/ { token_auth pp; $::Dry rewrite ^/v/(.*)\$ /in/\$1?b=2 break; $::Up
  location /v/bob/ { deny all; } }
location /set/ { token_auth pp; $::Dry set \$args \$args&c=3; $::Up }
location /keep/ { token_auth pp; $::Dry token_auth_strip off; rewrite ^/keep/(.*)\$ /in/\$1?b=2 break; $::Up }
location / { proxy_pass http://127.0.0.1:\$TEST_NGINX_PORT_B; }"
--- user_files eval: $::Files
--- request eval
["GET /v/x?a=1", "GET /v/$::Bad/x?a=1", "GET /v/$::Bad/x?t=to&a=1", "GET /v/$::Bad/bob/x?a=1", "GET /set/x?a=1", "GET /set/$::Bad/x?a=1&t=to", "GET /keep/x?a=1", "GET /keep/$::Bad/x?a=1"]
--- error_code eval
[200, 200, 200, 403, 200, 200, 200, 200]
--- response_body eval
["name=a\nGET /in/x?b=2&a=1$::E", "name=a\nGET /in/x?b=2&a=1$::E", "name=a\nGET /in/x?b=2&a=1$::E", qr/403/, "name=a\nGET /set/x?a=1&c=3$::E", "name=a\nGET /set/x?a=1&c=3$::E", "name=a\nGET /in/x?b=2&a=1$::E", "name=a\nGET /in/x?b=2&a=1$::E"]

=== TEST 15: a rewrite that takes the token out by itself
--- http_upstream: a
--- http_config eval: $::PP
--- config eval
"location /v/ { token_auth pp; rewrite ^/v/[^/]+,\\d+/(.*)\$ /in/\$1 break; $::Up }"
--- user_files eval: $::Files
--- request
GET /v/fca35d527e3102bd7185fa5d6c5be511,4000000000/x
--- response_body eval
"name=a\nGET /in/x$::E"

=== TEST 16: a path token does not open an internal location
--- http_config eval: $::PP
--- config
root html;
location / { token_auth pp; token_auth_dry_run on; }
location /private/ { internal; }
--- user_files eval
$::Files . ">>> private/f\nsecret\n"
--- request eval
["GET /private/f", "GET /0123456789abcdef0123456789abcdef,4000000000/private/f", "GET /0123456789abcdef0123456789abcdef,4000000000/v"]
--- error_code eval
[404, 404, 200]

=== TEST 17: a path token does not open an internal location when somebody else lets the request in
--- http_config eval: $::PP
--- config
root html;
location / { satisfy any; allow 127.0.0.1; deny all; token_auth pp; }
location /private/ { internal; }
--- user_files eval
$::Files . ">>> private/f\nsecret\n"
--- request eval
["GET /0123456789abcdef0123456789abcdef,4000000000/private/f", "GET /0123456789abcdef0123456789abcdef,4000000000/v"]
--- error_code eval
[404, 200]
