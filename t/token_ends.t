# Wherever a request ends: no token in the access log, none with the request to another place.
use Test::Nginx::Socket 'no_plan';

our $P = "token_profile p { format scalesimple; key text=example; }\n";
our $Q = "token_profile q { format scalesimple; key text=example; from query=qt header=Q-Token cookie=qc; }\n";
our $PP = "token_profile pp { format scalesimple; key text=example; from path; }\n";
our $Log = 'log_format mine "$status $request_uri|$args|$http_cookie|$http_x_ss_token|$arg_ss_token|$cookie_ss_token|$uri";' . "\n";
our $Carriers = "Cookie: a=1; ss_token=to\nX-SS-Token: to\nX-SS-Expiration: 1";
our $Up = 'proxy_http_version 1.0; proxy_set_header Host up; proxy_set_header Connection close; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A;';
our $E = " HTTP/1.0\r\nHost: up\r\nConnection: close\r\n";

no_long_string();
run_tests();

__DATA__

=== TEST 1: requests that end in the location's rewrites
--- http_config eval: $::P . $::Log
--- config
access_log logs/access.log mine;
location /paid { token_auth p; if ($token_auth_status != ok) { return 402; } }
location /moved { token_auth p; return 301 http://other.test$request_uri; }
location /text { token_auth p; return 200 "$args"; }
location /gone { token_auth p; return 444; }
--- request eval
["GET /paid?a=1&ss_token=to&ss_expiration=1&b=2", "GET /moved?ss_token=to", "GET /text?ss_token=to"]
--- more_headers eval: $::Carriers
--- error_code eval
[402, 301, 200]
--- response_body_like eval
["402", "301", "^ss_token=to\$"]
--- response_headers eval
["Content-Type: text/html", "Location: http://other.test/moved?ss_token=to", "Content-Length: 11"]
--- access_log
402 /paid?a=1&b=2|a=1&b=2|a=1|-|-|-|/paid
301 /moved|-|a=1|-|-|-|/moved
200 /text|-|a=1|-|-|-|/text

=== TEST 2: a connection that is closed
--- http_config eval: $::P . $::Log
--- config
access_log logs/access.log mine;
location /gone { token_auth p; return 444; }
--- request
GET /gone?ss_token=to&x
--- more_headers eval: $::Carriers
--- abort
--- ignore_response
--- access_log
444 /gone?x|x|a=1|-|-|-|/gone

=== TEST 3: a body too large, a method, an internal location
--- http_config eval: $::P . $::Log
--- config
access_log logs/access.log mine;
location /up { token_auth p; client_max_body_size 1; }
location /trace { token_auth p; }
location /in { internal; token_auth p; }
--- request eval
["POST /up?ss_token=to&a\nbody", "TRACE /trace?ss_token=to&a", "GET /in?ss_token=to&a"]
--- more_headers eval: $::Carriers
--- error_code eval
[413, 405, 404]
--- access_log
413 /up?a|a|a=1|-|-|-|/up
405 /trace?a|a|a=1|-|-|-|/trace
404 /in?a|a|a=1|-|-|-|/in

=== TEST 4: requests that nginx refuses before it looks for a location
--- http_config eval: $::P . $::Log
--- config
access_log logs/access.log mine;
location /v { token_auth p; }
--- raw_request eval
"GET /v?ss_token=to&a HTTP/1.1\r\nCookie: a=1; ss_token=to\r\nX-SS-Token: to\r\nConnection: close\r\n\r\n"
--- error_code: 400
--- access_log
400 /v?a|a|a=1|-|-|-|/v

=== TEST 5: one with a header that is none
--- http_config eval: $::P . $::Log
--- config
access_log logs/access.log mine;
location /v { token_auth p; }
--- raw_request eval
"GET /v?ss_token=to&a HTTP/1.1\r\nHost: localhost\r\nCookie: a=1; ss_token=to\r\nX-SS-Token: to\r\nContent-Length: x\r\nConnection: close\r\n\r\n"
--- error_code: 400
--- access_log
400 /v?a|a|a=1|-|-|-|/v

=== TEST 6: its error page gets no token either, and its verdict is that of the request as received
--- http_upstream: a
--- http_config eval
"token_profile sl { format secure_link; key text=example; message '{expires}\$uri {key}'; }
log_format mine '\$status \$request_uri \$token_auth_status';"
--- config eval
"access_log logs/access.log mine;
error_page 400 \@bad;
token_auth sl;
location \@bad { $::Up }"
--- raw_request eval
"GET /a//b/../v?md5=_s46F2VCQiuprE5K0cWoqQ&expires=4000000000&a HTTP/1.1\r\nX-Secure-Link: to\r\nConnection: close\r\n\r\n"
--- error_code: 400
--- response_body eval
"name=a\nGET /a//b/../v?a$::E\r\n"
--- access_log
400 /a//b/../v?a ok

=== TEST 7: a server's own `return`: by every profile of the server, and of no other
--- http_config eval
$::P . $::Q . $::Log . 'server { listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1; location / { token_auth q; } }'
--- config
access_log logs/access.log mine;
if ($arg_end) { return 410; }
location /v { token_auth p; }
location /free { empty_gif; }
--- request eval
["GET /v?end=1&ss_token=to&qt=1", "GET /free?ss_token=to&qt=1"]
--- more_headers eval: $::Carriers
--- error_code eval
[410, 200]
--- access_log
410 /v?end=1&qt=1|end=1&qt=1|a=1|-|-|-|/v
200 /free?ss_token=to&qt=1|ss_token=to&qt=1|a=1; ss_token=to|to|to|to|/free

=== TEST 8: strip off: the log shows what was received
--- http_config eval: $::P . $::Log
--- config
access_log logs/access.log mine;
location /v { token_auth p; token_auth_strip off; return 402; }
--- request
GET /v?ss_token=to
--- error_code: 402
--- access_log
402 /v?ss_token=to|ss_token=to|-|-|to|-|/v

=== TEST 9: a path token in the path that is logged
--- http_config eval: $::PP . $::Log
--- config
access_log logs/access.log mine;
location / { token_auth pp; if ($arg_end) { return 402; } }
--- request eval
["GET /0123456789abcdef0123456789abcdef,4000000000/v", "GET /0123456789abcdef0123456789abcdef,4000000000/w?end=1"]
--- error_code eval
[403, 402]
--- access_log
403 /v|-|-|-|-|-|/v
402 /w?end=1|end=1|-|-|-|-|/w

=== TEST 10: the variables in the log are about the request as received
--- http_config eval
$::P . 'log_format mine "$status $request_uri $token_auth_status $token_auth_expires";'
--- config
access_log logs/access.log mine;
location /v { token_auth p; return 402; }
--- request eval
["GET /v?ss_token=1cc3468ad2ee810eff3228f968c2507d&ss_expiration=4000000000", "GET /v?ss_token=to&ss_expiration=4000000000"]
--- error_code eval
[402, 402]
--- access_log
402 /v ok 4000000000
402 /v malformed -

=== TEST 11: `token_auth $variable`, taken away by `return` and an error page
--- http_upstream: a
--- http_config eval
$::P . $::Q . 'map $http_x_who $who { default q; p p; }'
--- config eval
"location /v { token_auth \$who; error_page 405 = \@big; return 405; }
location /set { set \$mine p; token_auth \$mine; error_page 405 = \@big; return 405; }
location /none { token_auth \$http_none; error_page 500 = \@big; empty_gif; }
location /kept { token_auth \$who; token_auth_strip off; error_page 405 = \@big; return 405; }
location \@big { $::Up }"
--- request eval
["GET /v?a=1&ss_token=to&b=2", "GET /v?a=1&qt=to,1&b=2", "GET /set?ss_token=to", "GET /none?ss_token=to", "GET /kept?ss_token=to"]
--- more_headers eval
["X-Who: p\n$::Carriers", "Q-Token: to\nCookie: qc=1; b=2", $::Carriers, $::Carriers, "X-SS-Token: to"]
--- error_code eval
[200, 200, 200, 200, 200]
--- response_body eval
["name=a\nGET /v?a=1&b=2$::E" . "X-Who: p\r\nCookie: a=1\r\n\r\n", "name=a\nGET /v?a=1&b=2$::E" . "Cookie: b=2\r\n\r\n", "name=a\nGET /set$::E" . "Cookie: a=1\r\n\r\n", "name=a\nGET /none$::E" . "Cookie: a=1\r\n\r\n", "name=a\nGET /kept?ss_token=to$::E" . "X-SS-Token: to\r\n\r\n"]

=== TEST 12: from page to page: none of the places left behind is forgotten
--- http_upstream: a
--- http_config eval: $::P . $::Q
--- config eval
"recursive_error_pages on;
location /one { token_auth p; error_page 405 /two; return 405; }
location /two { token_auth q; error_page 406 = \@up; return 406; }
location /server { token_auth p; client_max_body_size 1; error_page 413 = \@up; }
location /last { token_auth p; rewrite ^ /free last; }
location /free { $::Up }
location \@up { $::Up }"
--- request eval
["GET /one?ss_token=to&qt=to&a", "POST /server?ss_token=to&a\nbody", "GET /last?ss_token=to&a"]
--- more_headers eval
["$::Carriers\nQ-Token: to", $::Carriers, $::Carriers]
--- error_code eval
[200, 200, 200]
--- response_body_like eval
[qr/^GET \/two$::E\x43ookie: a=1\r\n\r\n$/m, qr/^POST \/server\?a$::E\x43ontent-Length: 0\r\nCookie: a=1\r\n\r\n$/m, qr/^GET \/free\?a$::E\x43ookie: a=1\r\n\r\n$/m]

=== TEST 13: what an answer's filter asks of an upstream has no token
--- http_upstream: a
--- http_config eval: $::P
--- config eval
"location /v { token_auth p; ssi on; ssi_types *; return 200 'body<!--# include virtual=\"/part\" -->'; }
location /part { $::Up }"
--- request
GET /v?ss_token=to
--- more_headers eval: $::Carriers
--- response_body eval
"bodyname=a\nGET /part$::E" . "Cookie: a=1\r\n\r\n"

=== TEST 14: a request refused while it was read is judged by the path it had
--- http_config eval
"token_profile sl { format secure_link; key text=example; message '{expires}\$uri {key}'; }
log_format mine '\$status \$uri \$request_uri \$token_auth_status';"
--- config
access_log logs/access.log mine;
root html;
error_page 400 /bad.html;
location = /bad.html { token_auth sl; }
--- user_files
>>> bad.html
bad
--- raw_request eval
"GET /a//b/../v?md5=_s46F2VCQiuprE5K0cWoqQ&expires=4000000000&a HTTP/1.1\r\nConnection: close\r\n\r\n"
--- error_code: 400
--- response_body
bad
--- access_log
400 /bad.html /a//b/../v?a ok

=== TEST 15: refused before it has named its host: by every profile of any server
--- http_config eval
$::P . $::Log . 'server { listen 127.0.0.1:$TEST_NGINX_SERVER_PORT default_server; server_name _; access_log logs/access.log mine; return 404; }'
--- config
access_log logs/access.log mine;
location /v { token_auth p; }
--- raw_request eval
"GET /v?ss_token=to&a HTTP/1.1\r\nCookie: a=1; ss_token=to\r\nX-SS-Token: to\r\nConnection: close\r\n\r\n"
--- error_code: 400
--- access_log
400 /v?a|a|a=1|-|-|-|/v
--- no_access_log
=to

=== TEST 16: nor does the default server's page give its backend a token
--- http_upstream: a
--- http_config eval
$::P . 'server { listen 127.0.0.1:$TEST_NGINX_SERVER_PORT default_server; server_name _; error_page 400 /e; location /e { ' . $::Up . ' proxy_set_header Orig $request_uri; } }'
--- config
location /v { token_auth p; }
--- raw_request eval
"GET /v?ss_token=to&a HTTP/1.1\r\nCookie: a=1; ss_token=to\r\nX-SS-Token: to\r\nConnection: close\r\n\r\n"
--- error_code: 400
--- response_body eval
"name=a\nGET /e HTTP/1.0\r\nHost: up\r\nConnection: close\r\nOrig: /v?a\r\nCookie: a=1\r\n\r\n"

=== TEST 17: a client that is slow to name its host
--- http_config eval
$::P . $::Log . 'client_header_timeout 100ms; server { listen 127.0.0.1:$TEST_NGINX_SERVER_PORT default_server; server_name _; access_log logs/access.log mine; return 404; }'
--- config
location /v { token_auth p; }
--- raw_request eval
"GET /v?ss_token=to&a HTTP/1.1\r\nX-SS-Token: to\r\n"
--- ignore_response
--- access_log
408 /v?a|a|-|-|-|-|/v

=== TEST 18: a header that is too large, before the host is named
--- http_config eval
$::P . $::Log . 'server { listen 127.0.0.1:$TEST_NGINX_SERVER_PORT default_server; server_name _; access_log logs/access.log mine; return 404; }'
--- config
access_log logs/access.log mine;
location /v { token_auth p; }
--- raw_request eval
"GET /v?ss_token=to&a HTTP/1.1\r\nCookie: a=1; ss_token=to\r\nX-SS-Token: to\r\nX-B: " . "x" x 40000 . "\r\nHost: localhost\r\n\r\n"
--- error_code: 400
--- access_log
400 /v?a|a|a=1|-|-|-|/v
--- no_access_log
=to

=== TEST 19: a host that is none
--- http_config eval
$::P . $::Log . 'server { listen 127.0.0.1:$TEST_NGINX_SERVER_PORT default_server; server_name _; access_log logs/access.log mine; return 404; }'
--- config
access_log logs/access.log mine;
location /v { token_auth p; }
--- raw_request eval
"GET /v?ss_token=to&a HTTP/1.1\r\nHost: a/b\r\nCookie: a=1; ss_token=to\r\nX-SS-Token: to\r\n\r\n"
--- error_code: 400
--- access_log
400 /v?a|a|-|-|-|-|/v
--- no_access_log
=to

=== TEST 20: HTTP/1.0 without a host
--- http_config eval
$::P . $::Log . 'server { listen 127.0.0.1:$TEST_NGINX_SERVER_PORT default_server; server_name _; access_log logs/access.log mine; return 404; }'
--- config
access_log logs/access.log mine;
location /v { token_auth p; }
--- raw_request eval
"GET /v?ss_token=to&a HTTP/1.0\r\nCookie: a=1; ss_token=to\r\nX-SS-Token: to\r\n\r\n"
--- error_code: 404
--- access_log
404 /v?a|a|a=1|-|-|-|/v
--- no_access_log
=to

=== TEST 21: a server's own `return` where its locations have several profiles
--- http_config eval
$::P . $::Q . $::Log
--- config
access_log logs/access.log mine;
if ($arg_end) { return 410; }
location /v { token_auth p; }
location /w { token_auth q; }
--- request eval
["GET /v?end=1&ss_token=to&qt=1", "GET /w?end=2&qt=1&ss_token=to"]
--- more_headers eval: $::Carriers
--- error_code eval
[410, 410]
--- access_log
410 /v?end=1|end=1|a=1|-|-|-|/v
410 /w?end=2|end=2|a=1|-|-|-|/w

=== TEST 22: the same where one of them is chosen by a variable
--- http_config eval
$::P . $::Q . $::Log . 'map $host $which { default q; }'
--- config
access_log logs/access.log mine;
if ($arg_end) { return 410; }
location /v { token_auth p; }
location /w { token_auth $which; }
--- request
GET /v?end=1&ss_token=to&qt=1
--- more_headers eval: $::Carriers
--- error_code: 410
--- access_log
410 /v?end=1|end=1|a=1|-|-|-|/v

=== TEST 23: `Authorization` goes where one of the server's locations wants it stripped
--- http_config eval
"token_profile r { format scalesimple; key text=example; from header=Authorization; }\n" . 'log_format mine "$status $uri $http_authorization";'
--- config
access_log logs/access.log mine;
if ($arg_end) { return 410; }
location /v { token_auth r; }
location /w { token_auth r; token_auth_strip on; }
--- request
GET /v?end=1
--- more_headers
Authorization: to
--- error_code: 410
--- access_log
410 /v -

=== TEST 24: and stays where none does
--- http_config eval
"token_profile r { format scalesimple; key text=example; from header=Authorization; }\n" . 'log_format mine "$status $uri $http_authorization";'
--- config
access_log logs/access.log mine;
if ($arg_end) { return 410; }
location /v { token_auth r; }
--- request
GET /v?end=1
--- more_headers
Authorization: to
--- error_code: 410
--- access_log
410 /v to

=== TEST 25: refused between server and location, then a page that is no named location
--- http_upstream: a
--- http_config eval: $::P
--- config eval
"location /server { token_auth p; client_max_body_size 1; error_page 413 /page; }
location /page { $::Up }"
--- request eval
"POST /server?ss_token=to&a\nbody"
--- more_headers eval: $::Carriers
--- error_code: 413
--- response_body_like eval
qr/^GET \/page$::E\x43ontent-Length: 0\r\nCookie: a=1\r\n\r\n$/m

=== TEST 26: where nothing is checked the log shows what was received, also where a claim is read
--- http_config eval: "token_profile j { format jwt; key text=0123456789abcdef0123456789abcdef; from query=jt; }\ntoken_claim \$sub j sub;\n" . $::Log
--- config
access_log logs/access.log mine;
location /free { return 200 "$sub."; }
location /paid { token_auth j; }
--- request
GET /free?jt=to&a
--- response_body: .
--- access_log
200 /free?jt=to&a|jt=to&a|-|-|-|-|/free

=== TEST 27: refused in a location that a rewrite has found, before that begins
--- http_upstream: a
--- http_config eval: $::P . $::Q . $::Log
--- config eval
"access_log logs/access.log mine;
error_page 413 = \@page;
location /free { rewrite ^ /paid last; }
location /other { token_auth q; rewrite ^ /paid last; }
location /uri { rewrite ^ /small last; }
location /plain { rewrite ^ /bare last; }
location /text { rewrite ^ /answer last; }
location /paid { token_auth p; client_max_body_size 1; }
location /small { token_auth p; client_max_body_size 1; error_page 413 /page; }
location /bare { token_auth p; client_max_body_size 1; error_page 500 /page; }
location /answer { return 200 ok; }
location /page { $::Up }
location \@page { $::Up }"
--- request eval
["POST /free?ss_token=to&a\nbody", "POST /other?ss_token=to&qt=1&a\nbody", "POST /uri?ss_token=to&a\nbody", "POST /plain?ss_token=to&a\nbody", "POST /text?ss_token=to&a\nbody"]
--- more_headers eval: $::Carriers
--- error_code eval
[200, 200, 413, 413, 200]
--- response_body_unlike eval
["to\\b", "to\\b|qt", "to\\b", "to\\b", "to\\b"]
--- access_log
200 /free?a|a|a=1|-|-|-|/paid
200 /other?a|a|a=1|-|-|-|/paid
413 /uri?a|-|a=1|-|-|-|/page
413 /plain?a|a|a=1|-|-|-|/bare
200 /text?ss_token=to&a|ss_token=to&a|a=1; ss_token=to|to|to|to|/answer
