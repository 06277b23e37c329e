# Headers: a token leaves nginx's own pointers too, and what a refusal says about caches.
use Test::Nginx::Socket 'no_plan';

our $Lenient = "token_auth_dry_run on; token_auth_log_level info;";
our $Pass = 'proxy_http_version 1.0; proxy_set_header Connection close; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A;';
# nginx 1.31 sends Host first, wherever it stands.
our $Up = 'proxy_set_header Host up; ' . $::Pass;
our $E = " HTTP/1.0\r\nHost: up\r\nConnection: close\r\n";

no_long_string();
run_tests();

__DATA__

=== TEST 1: a token in X-Forwarded-For is not in $proxy_add_x_forwarded_for, the other lines are
--- http_upstream: a
--- http_config
token_profile p { format scalesimple; key text=example; from header=X-Forwarded-For; }
--- config eval
"location / { token_auth p; $::Lenient proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for; proxy_set_header X-Seen [\$http_x_forwarded_for]; $::Up }
location /off { proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for; $::Up }"
--- request eval
["GET /v", "GET /v", "GET /off"]
--- more_headers eval
["X-Forwarded-For: to,1", "X-Forwarded-For: to,1\nx-forwarded-for: ken,2", "X-Forwarded-For: 10.0.0.1"]
--- response_body_like eval
[qr/^X-Forwarded-For: 127\.0\.0\.1\r\nX-Seen: \[\]\r/m, qr/^X-Forwarded-For: 127\.0\.0\.1\r\nX-Seen: \[\]\r/m, qr/^X-Forwarded-For: 10\.0\.0\.1, 127\.0\.0\.1\r/m]

=== TEST 2: a token in Content-Type is not in $content_type
--- http_upstream: a
--- http_config
token_profile p { format scalesimple; key text=example; from header=Content-Type; }
--- config eval
"location / { token_auth p; $::Lenient proxy_set_header Host up; proxy_set_header X-Seen [\$content_type]; $::Pass }"
--- request
POST /v
body
--- more_headers
Content-Type: to,1
--- response_body eval
"name=a\nPOST /v HTTP/1.0\r\nHost: up\r\nX-Seen: []\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody"

=== TEST 3: Via, Referer and User-Agent, also when their variables were read before
--- http_upstream: a
--- http_config
token_profile p { format scalesimple; key text=example; from header=Via header=Referer header=User-Agent; }
--- config eval
"set \$before \"\$http_via\$http_referer\$http_user_agent\";
location / { token_auth p; $::Lenient proxy_set_header Host up; proxy_set_header X-Seen \"[\$http_via|\$http_referer|\$http_user_agent]\"; proxy_set_header X-Before \$before; $::Pass }"
--- request
GET /v
--- more_headers
Via: a,1
Referer: b,1
User-Agent: c,1
--- response_body eval
"name=a\nGET /v HTTP/1.0\r\nHost: up\r\nX-Seen: [||]\r\nX-Before: a,1b,1c,1\r\nConnection: close\r\n\r\n"

=== TEST 4: a stripped Authorization names no user, also when $remote_user was read before
--- http_upstream: a
--- http_config
token_profile p { format scalesimple; key text=example; from header=Authorization; }
--- config eval
"location / { set \$before \$remote_user; token_auth p; token_auth_strip on; $::Lenient proxy_set_header X-Seen [\$before][\$remote_user][\$http_authorization]; $::Up }"
--- request
GET /v
--- more_headers
Authorization: Basic YW5uOnNlY3JldA==
--- response_body_like: \nX-Seen: \[ann\]\[\]\[\]\r\n

=== TEST 5: a stripped header has no effect of its own: conditions and ranges
--- http_config
token_profile p { format scalesimple; key text=example; from header=If-None-Match header=If-Modified-Since header=If-Match header=If-Unmodified-Since header=Range; }
--- config eval
"location /p/ { alias html/; token_auth p; $::Lenient }
location /free/ { alias html/; }"
--- user_files
>>> v
shown
--- request eval
["GET /p/v", "GET /p/v", "GET /p/v", "GET /p/v", "GET /free/v", "GET /free/v", "GET /free/v", "GET /free/v"]
--- more_headers eval
["If-None-Match: *", "If-Match: \"x\"", "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:01 GMT", "Range: bytes=0-1", "If-None-Match: *", "If-Match: \"x\"", "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:01 GMT", "Range: bytes=0-1"]
--- error_code eval
[200, 200, 200, 200, 304, 412, 412, 206]

=== TEST 6: of several lines of a header only those of the token's cookie go
--- http_upstream: a
--- http_config
token_profile p { format scalesimple; key text=example; from cookie; }
--- config eval
"location / { token_auth p; $::Lenient proxy_set_header X-Seen \"[\$http_cookie|\$cookie_a|\$cookie_b]\"; $::Up }"
--- request eval
["GET /v", "GET /v", "GET /v"]
--- more_headers eval
["Cookie: ss_token=x\nCookie: a=1\nCookie: ss_expiration=1\nCookie: b=2", "Cookie: a=1\nCookie: ss_token=x", "Cookie: ss_token=x"]
--- response_body_like eval
[qr/^X-Seen: \[a=1; b=2\|1\|2\]\r/m, qr/^X-Seen: \[a=1\|1\|\]\r/m, qr/^X-Seen: \[\|\|\]\r/m]

=== TEST 7: headers by which nginx reads a request carry no token
--- http_config
token_profile p {
    format scalesimple;
    key text=example;
    from query header=Content-Length;
}
--- config
--- must_die
--- error_log eval
qr/\[emerg\] .*header "Content-Length" in "from" cannot carry a token, .* in .*nginx\.conf:\d+/

=== TEST 8: one Cache-Control on a refusal, whatever `expires` says
--- http_config
token_profile p { format scalesimple; key text=example; }
--- config
root html;
expires 1h;
location / { token_auth p; }
location /soft { token_auth p; error_page 403 =200 /page; }
location /moved { token_auth p; error_page 403 =302 /page; }
location /free { }
location = /page { }
--- user_files
>>> page
page
>>> free
free
--- request eval
["GET /v", "GET /soft", "GET /moved", "GET /free"]
--- error_code eval
[403, 200, 302, 200]
--- response_headers eval
["Cache-Control: no-store", "Cache-Control: no-store", "Cache-Control: no-store", "Cache-Control: max-age=3600"]

=== TEST 9: `add_header` adds its own line, as to any answer of nginx
--- http_config
token_profile p { format scalesimple; key text=example; }
log_format mine "$uri $status [$sent_http_cache_control]";
--- config
access_log logs/access.log mine;
root html;
expires 1h;
add_header Cache-Control private always;
location / { token_auth p; }
location /soft { token_auth p; error_page 403 =200 /page; }
location = /page { }
--- user_files
>>> page
page
--- request eval
["GET /v", "GET /soft"]
--- error_code eval
[403, 200]
--- response_headers eval
["Cache-Control: no-store, private", "Cache-Control: no-store, private"]
--- access_log
/v 403 [no-store, private]

=== TEST 10: what an application says about caching its page for a refusal is not sent
--- http_config
token_profile p { format scalesimple; key text=example; }
--- config
error_page 403 =200 @denied;
error_page 410 @denied;
location / { token_auth p; token_auth_status default=403 malformed=410; }
location @denied { rewrite ^ /backend break; proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT; }
location /backend { add_header Cache-Control public; add_header Cache-Control max-age=60; return 200 "page"; }
--- request eval
["GET /v", "GET /v?ss_token=x"]
--- error_code eval
[200, 410]
--- response_headers eval
["Cache-Control: no-store", "Cache-Control: no-store"]

=== TEST 11: tens of thousands of header lines, and many places where a token may be
# Debian's nginx and those from 1.29 on take a thousand lines at most: 400.
--- http_upstream: a
--- http_config
large_client_header_buffers 4 400k;
token_profile p { format scalesimple; key file=key; from header=x-a header=x-b header=x-c header=x-d header=x-e header=x-f header=x-g header=x-h; }
--- user_files eval: ">>> ../conf/key\nkey-one\n"
--- config eval
"location / { token_auth p; $::Up }"
--- raw_request eval
"GET /v HTTP/1.0\r\n" . "x-a:1\r\n" x 20000 . "y:1\r\n" x 20000 . "x-h: 89ebef16f7b05ed3aff1d6e7c8d7dd39,4000000000\r\n\r\n"
--- error_code_like: ^(?:200|400)$
--- response_body_unlike
(?im)^x-[ah]:

=== TEST 12: Cookie lines that one profile after the other changes, the later line first
--- http_upstream: a
--- http_config
token_profile one { format scalesimple; key file=key; from cookie=t1; }
token_profile two { format scalesimple; key file=key; from cookie=t2; }
token_profile three { format scalesimple; key file=key; from cookie=t3; }
--- user_files eval: ">>> ../conf/key\nkey-one\n"
--- config eval
"location / { token_auth one; $::Lenient try_files /none \@two; }
location \@two { token_auth two; $::Lenient try_files /none \@three; }
location \@three { token_auth three; $::Up }"
--- request
GET /v
--- more_headers
Cookie: t2=x; t3=89ebef16f7b05ed3aff1d6e7c8d7dd39,4000000000
Cookie: a=1; t1=x
--- response_body_like
(?m)^Cookie: a=1\r$
