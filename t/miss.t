# A key no route has: the status the table says, so that error_page applies, through every module that proxies.
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    upstream_table apps { zone 1m; file apps.json; }
    upstream backend { upstream_lookup apps $host; keepalive 4; }
    proxy_set_header Host $host;
_EOC_

our $Busy = <<'_EOC_';
    upstream_table apps { zone 1m; file apps.json; miss 503; }
    upstream backend { upstream_lookup apps $host; }
_EOC_

our $Apps = <<'_EOC_';
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
>>> miss.html
nobody here
_EOC_

run_tests();

__DATA__

=== TEST 1: 404 unless the table says otherwise; nothing in the log
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { proxy_pass http://backend; add_header X-Addr "[$upstream_addr|$upstream_status]" always; }
--- request
GET /
--- error_code: 404
--- response_body_like: <center><h1>404 Not Found</h1></center>
--- response_headers
X-Addr: [|]
--- no_error_log
[warn]
[error]

=== TEST 2: the table's own status
--- http_upstream: a
--- http_config eval: $::Busy
--- user_files eval: $::Apps
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /"]
--- more_headers eval
["Host: x.test", "Host: a.test"]
--- error_code eval
[503, 200]

=== TEST 3: a status nginx has no page for
--- http_config
upstream_table apps { zone 1m; miss 451; }
upstream backend { upstream_lookup apps $host; }
--- config
location / { proxy_pass http://backend; }
--- request
GET /
--- error_code: 451

=== TEST 4: 444 closes without an answer
--- http_config
upstream_table apps { zone 1m; miss 444; }
upstream backend { upstream_lookup apps $host; }
--- config
location / { proxy_pass http://backend; }
--- raw_request eval
"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
--- ignore_response
--- access_log eval
qr{"GET / HTTP/1\.1" 444 0}

=== TEST 5: error_page to a file
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
error_page 404 /miss.html;
location / { proxy_pass http://backend; }
location = /miss.html { }
--- request
GET /
--- error_code: 404
--- response_body
nobody here

=== TEST 6: error_page to a page that is looked up and missed again ends in nginx's own page
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
error_page 404 /miss.html;
location / { proxy_pass http://backend; }
--- request
GET /
--- error_code: 404
--- response_body_like: 404 Not Found

=== TEST 7: error_page to a named location: another upstream, and a return
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { error_page 404 = @old; proxy_pass http://backend; }
location /return { error_page 404 = @said; proxy_pass http://backend; }
location @old { proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
location @said { return 418 "said $upstream_lookup_result"; }
--- request eval
["GET /x", "POST /x\nbody", "GET /return"]
--- error_code eval
[200, 200, 418]
--- response_body_like eval
[qr/^name=a\nGET \/x /, qr/^name=a\nPOST \/x .*\r\n\r\nbody$/s, qr/^said miss$/]

=== TEST 8: error_page with a status of its own, and a redirect
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { error_page 404 =204 @empty; proxy_pass http://backend; }
location @empty { return 204; }
location /same { error_page 404 =200 /miss.html; proxy_pass http://backend; }
location /to { error_page 404 =302 https://example.com/; proxy_pass http://backend; }
location = /miss.html { }
--- request eval
["GET /", "GET /same", "GET /to"]
--- error_code eval
[204, 200, 302]
--- response_body_like eval
[qr/^$/, qr/^nobody here$/, qr/302/]
--- response_headers eval
["", "", "Location: https://example.com/"]

=== TEST 9: every module that proxies
--- http_config eval: $::Busy
--- user_files eval: $::Apps
--- config
location /proxy { proxy_pass http://backend; }
location /variable { set $to backend; proxy_pass http://$to; }
location /fastcgi { fastcgi_pass backend; }
location /uwsgi { uwsgi_pass backend; }
location /scgi { scgi_pass backend; }
location /memcached { set $memcached_key k; memcached_pass backend; }
--- request eval
["GET /proxy", "GET /variable", "GET /fastcgi", "GET /uwsgi", "GET /scgi", "GET /memcached", "POST /fastcgi\nbody"]
--- error_code eval
[503, 503, 503, 503, 503, 503, 503]
--- http_upstream: a

=== TEST 10: gRPC
# grpc_pass is there whenever HTTP/2 is.
--- http_upstream: a
--- http_config eval: $::Busy
--- user_files eval: $::Apps
--- config
location / { grpc_pass grpc://backend; }
--- request eval
["GET /", "POST /\nbody"]
--- error_code eval
[503, 503]

=== TEST 11: with a cache, twice
--- http_upstream: a
--- http_config
proxy_cache_path cache keys_zone=c:1m;
upstream_table apps { zone 1m; file apps.json; }
upstream backend { upstream_lookup apps $host; }
--- user_files eval: $::Apps
--- config
location / {
    proxy_cache c; proxy_cache_valid any 1m; proxy_cache_key $scheme$host$request_uri;
    proxy_cache_lock on; proxy_cache_lock_timeout 10s; proxy_cache_use_stale error http_404 updating;
    proxy_pass http://backend;
    add_header X-Cache "[$upstream_cache_status]" always;
}
--- request eval
["GET /", "GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
["Host: x.test", "Host: x.test", "Host: a.test", "Host: a.test", "Host: x.test"]
--- error_code eval
[404, 404, 200, 200, 404]
--- response_headers eval
["X-Cache: [MISS]", "X-Cache: [MISS]", "X-Cache: [MISS]", "X-Cache: [HIT]", "X-Cache: [MISS]"]
--- timeout: 3

=== TEST 12: a big body is read, dropped, and the connection goes on
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { proxy_pass http://backend; }
location /now { proxy_request_buffering off; proxy_http_version 1.1; proxy_pass http://backend; }
--- raw_request eval
"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 700000\r\n\r\n" . "b" x 700000 .
"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n" .
"POST /now HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 300000\r\n\r\n" . "c" x 300000
--- error_code: 404
--- access_log eval
[qr{"POST / HTTP/1\.1" 404}, qr{"GET / HTTP/1\.1" 200}, qr{"POST /now HTTP/1\.1" 404}]

=== TEST 13: pipelined requests
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { proxy_pass http://backend; }
--- raw_request eval
"GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: a.test\r\n\r\nHEAD /3 HTTP/1.1\r\nHost: x\r\n\r\nGET /4 HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
--- error_code: 404
--- access_log eval
[qr{"GET /1 HTTP/1\.1" 404}, qr{"GET /2 HTTP/1\.1" 200}, qr{"HEAD /3 HTTP/1\.1" 404}, qr{"GET /4 HTTP/1\.1" 200}]

=== TEST 14: keep-alive requests one after another
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { proxy_pass http://backend; }
--- pipelined_requests eval
["GET /1", "GET /2", "GET /3", "GET /4"]
--- more_headers eval
["Host: x", "Host: a.test", "Host: y", "Host: a.test"]
--- error_code eval
[404, 200, 404, 200]

=== TEST 15: a missing host inside a page (SSI), with and without a stub
--- http_upstream: a
--- http_config
upstream_table apps { zone 1m; file apps.json; }
upstream backend { upstream_lookup apps $arg_h; }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
>>> page.html
[<!--#include virtual="/app?h=none" -->][<!--#include virtual="/app?h=a.test" -->][<!--# block name="stub" -->stub<!--# endblock --><!--#include virtual="/app?h=none" stub="stub" -->]end
--- config
location / { ssi on; }
location /app { proxy_pass http://backend; }
--- request
GET /page.html
--- response_body_like: ^\[<html>.*404 Not Found.*\]\[name=a\n.*\]\[stub\]end\n$

=== TEST 16: auth_request answered by a miss refuses with 500, or lets a default decide
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { auth_request /auth; return 200 never; }
location /forbid { auth_request /auth403; empty_gif; }
location = /auth { proxy_pass http://backend; }
location = /auth403 { error_page 404 =403 @no; proxy_pass http://backend; }
location @no { return 403; }
location /page { auth_request /auth; empty_gif; }
--- request eval
["GET /page", "GET /forbid", "GET /page"]
--- more_headers eval
["Host: x.test", "Host: x.test", "Host: a.test"]
--- error_code eval
[500, 403, 200]
--- error_log
auth request unexpected status: 404

=== TEST 17: a mirror whose host is missing disturbs nothing
--- http_upstream: a
--- http_config
upstream_table apps { zone 1m; file apps.json; }
upstream backend { upstream_lookup apps $host; }
upstream shadow { upstream_lookup apps none; }
proxy_set_header Host $host;
--- user_files eval: $::Apps
--- config
location / { mirror /mirror; proxy_pass http://backend; }
location = /mirror { internal; proxy_pass http://shadow; }
--- request eval
["GET /", "POST /\nbody", "GET /"]
--- more_headers eval
["Host: a.test", "Host: a.test", "Host: x.test"]
--- error_code eval
[200, 200, 404]

=== TEST 18: a client that goes away, and one that sends nothing more
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
client_body_timeout 1s;
location / { proxy_pass http://backend; }
location /now { proxy_request_buffering off; proxy_http_version 1.1; proxy_pass http://backend; }
--- raw_request eval
"POST /now HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" . "b" x 1000
--- ignore_response
--- timeout: 500ms
--- abort
--- no_error_log
[alert]

=== TEST 19: try_files and the fallback to a table
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { try_files $uri @app; }
location @app { proxy_pass http://backend; }
--- request eval
["GET /miss.html", "GET /none", "GET /none"]
--- more_headers eval
["Host: x.test", "Host: a.test", "Host: x.test"]
--- error_code eval
[200, 200, 404]
--- response_body_like eval
[qr/^nobody here\n$/, qr/^name=a\n/, qr/404/]

=== TEST 20: recursive error pages through two tables end
--- http_upstream: a
--- http_config
upstream_table apps { zone 1m; }
upstream_table more { zone 1m; miss 410; }
upstream backend { upstream_lookup apps $host; }
upstream other { upstream_lookup more $host; }
--- config
recursive_error_pages on;
location / { error_page 404 = @other; proxy_pass http://backend; }
location @other { error_page 410 = @last; proxy_pass http://other; }
location @last { return 200 "last"; }
--- request
GET /
--- response_body: last
