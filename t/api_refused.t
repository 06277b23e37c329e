# What the HTTP API does not do, and how it says so.
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    upstream_table apps { zone 1m; file apps.json; }
_EOC_

our $Apps = <<'_EOC_';
>>> ../conf/apps.json
{"file.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
>>> ../conf/key
correct-horse
_EOC_

our $Config = <<'_EOC_';
    location /_apps/ { upstream_api apps write=on body_max=1k; }
    location /_read/ { upstream_api apps; }
    location /_key/ { upstream_api apps write=on key_file=key; }
_EOC_

run_tests();

__DATA__

=== TEST 1: nothing is written unless the configuration says so
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config eval: $::Config
--- request eval
["GET /_read/file.test", "PUT /_read/a.test
{\"backends\": []}", "DELETE /_read/file.test", "PATCH /_read/
{}", "POST /_read/a.test/backends
\"http://10.0.0.1:80\"", "POST /_read/a.test/backends/reset?url=http://10.0.0.1:80", "GET /_apps/a.test"]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 405, 405, 405, 405, 405, 404]
--- response_headers eval
["", "Allow: GET, HEAD, OPTIONS", "Allow: GET, HEAD, OPTIONS", "Allow: GET, HEAD, OPTIONS", "Allow: OPTIONS", "Allow: OPTIONS", ""]
--- response_body_like eval
["", "read_only", "read_only", "read_only", "read_only", "read_only", "no_route"]

=== TEST 2: methods and paths that are not there
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config eval: $::Config
--- request eval
["POST /_apps/a.test
{}", "PUT /_apps/
{}", "DELETE /_apps/", "GET /_apps/a.test/backends", "GET /_apps/a.test/backends/reset", "PUT /_apps/-/version
{}", "PROPFIND /_apps/", "GET /_apps/-/other", "GET /_apps/-", "GET /_apps/-/", "GET /_apps/a/b", "GET /_apps/a/backends/b"]
--- more_headers
Content-Type: application/json
--- error_code eval
[405, 405, 405, 405, 405, 405, 405, 404, 404, 404, 404, 404]
--- response_body_like eval
["POST is not for this path", "PUT is not", "DELETE is not", "GET is not", "GET is not", "PUT is not", "\"message\":\"this method is not for this path\"", "unknown_path", "unknown_path", "unknown_path", "unknown_path", "unknown_path"]

=== TEST 3: the key, in constant time, for reading too
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config eval: $::Config
--- request eval
["GET /_key/file.test", "GET /_key/file.test", "GET /_key/file.test", "GET /_key/file.test", "GET /_key/file.test", "PUT /_key/a.test
{\"backends\": []}", "PUT /_key/a.test
{\"backends\": []}", "OPTIONS /_key/", "GET /_key/nothing/here"]
--- more_headers eval
["", "Authorization: Bearer correct-horse", "Authorization: bearer   correct-horse ", "Authorization: Bearer correct-hors", "Authorization: Basic correct-horse", "Authorization: Bearer correct-horse\nContent-Type: application/json", "Content-Type: application/json", "", "Authorization: Bearer"]
--- error_code eval
[401, 200, 200, 401, 401, 201, 401, 401, 401]
--- response_headers eval
["WWW-Authenticate: Bearer", "! WWW-Authenticate", "! WWW-Authenticate", "WWW-Authenticate: Bearer", "WWW-Authenticate: Bearer", "! WWW-Authenticate", "WWW-Authenticate: Bearer", "WWW-Authenticate: Bearer", "WWW-Authenticate: Bearer"]
--- no_error_log
correct-horse

=== TEST 4: a page of another site changes nothing
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config eval: $::Config
--- request eval
["PUT /_apps/a.test
{\"backends\": []}", "PUT /_apps/a.test
{\"backends\": []}", "PUT /_apps/a.test
{\"backends\": []}", "DELETE /_apps/a.test", "POST /_apps/a.test/backends/reset?url=http://10.0.0.1:80", "GET /_apps/", "PUT /_apps/a.test
{\"backends\": []}", "PUT /_apps/a.test
{\"backends\": []}", "PATCH /_apps/a.test
{}", "POST /_apps/a.test/backends/reset?url=http://10.0.0.1:80"]
--- more_headers eval
["Origin: http://evil.test\nContent-Type: application/json", "Origin: null\nContent-Type: application/json", "Sec-Fetch-Site: cross-site\nContent-Type: application/json", "Origin: http://localhost:1", "Origin: http://evil.test", "Origin: http://evil.test",
"Host: localhost:81\nOrigin: http://localhost:81\nSec-Fetch-Site: same-origin\nContent-Type: application/json", "Content-Type: text/plain", "Content-Type: application/x-www-form-urlencoded", ""]
--- error_code eval
[403, 403, 403, 403, 403, 200, 201, 415, 415, 415]
--- response_body_like eval
["foreign_origin", "foreign_origin", "foreign_origin", "foreign_origin", "foreign_origin", "file.test", "", "Content-Type must be application/json\"", "or application/merge-patch.json", "unsupported_media_type"]

=== TEST 5: a condition is looked at once, by the API
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config eval: $::Config
--- request eval
["PUT /_apps/a.test
{\"backends\": []}", "PUT /_apps/a.test
{\"backends\": []}", "PUT /_apps/a.test
{\"backends\": [], \"id\": \"b\"}", "PUT /_apps/a.test
{\"backends\": []}", "GET /_apps/a.test", "GET /_apps/a.test", "GET /_apps/", "GET /_apps/a.test", "PUT /_apps/a.test
{\"backends\": []}", "DELETE /_apps/none.test"]
--- more_headers eval
["Content-Type: application/json\nIf-None-Match: *", "Content-Type: application/json\nIf-None-Match: *", "Content-Type: application/json\nIf-Match: *", "Content-Type: application/json\nIf-Match: \"0-0\"",
 "If-Match: \"0-0\"", "If-None-Match: *", "If-None-Match: *", "If-Modified-Since: Fri, 01 Jan 2038 00:00:00 GMT", "Content-Type: application/json\nIf-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT", "If-Match: *"]
--- error_code eval
[201, 412, 200, 412, 200, 304, 304, 200, 200, 412]
--- response_body_like eval
["", "precondition_failed", "\"id\":\"b\"", "precondition_failed", "\"id\":\"b\"", "^\$", "^\$", "\"id\":\"b\"", "^\\{\"backends\":\\[\\]\\}", "precondition_failed"]

=== TEST 6: wrong routes, with the place of the fault
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config eval: $::Config
--- request eval
["PUT /_apps/a.test
no json", "PUT /_apps/a.test
", "PUT /_apps/a.test
{\"backends\": [\"http://10.0.0.1:70000\"]}", "PUT /_apps/a.test
{\"backends\": [], \"backends\": []}", "PUT /_apps/a.test
{\"backends\": {}}", "PUT /_apps/a.test
{\"backends\": [], \"x~/y\": 1}", "PUT /_apps/a.test
{\"backends\": [\"\xff\"]}", "PUT /_apps/a.test
" . ("[" x 500), "PUT /_apps/a.test
{\"backends\": [\"http://a\\u0000b:1\"]}", "PUT /_apps/a.test
{\"backends\": []} x", "GET /_apps/a.test"]
--- more_headers
Content-Type: application/json
--- error_code eval
[400, 400, 400, 400, 400, 400, 400, 400, 400, 400, 404]
--- response_body_like eval
["\"code\":\"invalid_json\",\"message\":\"expected ident at line 1 column 2\"\\}\\}", "\"invalid_json\",\"message\":\"unfinished value at line 1 column 0\"", "invalid port in backend .*\"pointer\":\"/backends/0\"", "duplicate member .*\"pointer\":\"/backends\"",
 "\"message\":\"not an array\",\"pointer\":\"/backends\"", "unknown member .*\"pointer\":\"/x~0~1y\"", "invalid_json", "recursion limit exceeded", "invalid host in backend \\\\\"http://a\\\\u0000b:1\\\\\"\",\"pointer\":\"/backends/0\"", "trailing characters", "no_route"]

=== TEST 7: wrong keys and arguments
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config eval: $::Config
--- request eval
["GET /_apps/" . ("k" x 4096), "PUT /_apps/a%20b
{\"backends\": []}", "GET /_apps/%ff", "GET /_apps/?limit=0", "GET /_apps/?limit=1&limit=2", "GET /_apps/?x=1", "GET /_apps/a.test?x=1", "PATCH /_apps/a.test/backends
{}", "PATCH /_apps/a.test/backends?url=ftp://x
{}", "PATCH /_apps/a.test/backends?url=http://10.0.0.1:80
{}"]
--- more_headers
Content-Type: application/json
--- error_code eval
[400, 400, 400, 400, 400, 400, 400, 400, 400, 404]
--- response_body_like eval
["\"invalid_key\",\"message\":\"key too long\"", "\"invalid_key\",\"message\":\"invalid host name\"", "not UTF-8", "invalid argument .\"limit", "duplicate argument", "it must be .\"after.\", .\"limit.\", .\"owner.\", .\"search.\" or .\"state", "there is none here", "missing argument", "scheme is neither", "no_route"]

=== TEST 8: bodies that are too long
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config eval: $::Config
--- raw_request eval
["PATCH /_apps/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 1025\r\n\r\n{\"a\": {\"backends\": []}" . (" " x 1002) . "}"]
--- error_code: 413
--- response_headers
Content-Type: application/json
--- response_body
{"error":{"code":"too_large","message":"the body is too large"}}

=== TEST 9: a longer body than it said it would be
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config eval: $::Config
--- raw_request eval
["PATCH /_apps/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n401\r\n" . (" " x 1025) . "\r\n0\r\n\r\n"]
--- error_code: 413
--- no_error_log
[alert]

=== TEST 10: routes of the file are the file's, its marks may be reset
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config eval: $::Config
--- request eval
["PUT /_apps/file.test
{\"backends\": []}", "PATCH /_apps/file.test
{}", "DELETE /_apps/file.test", "POST /_apps/file.test/backends
\"http://10.0.0.1:80\"", "POST /_apps/file.test/backends/reset?url=http://127.0.0.1:\$TEST_NGINX_PORT_A"]
--- more_headers
Content-Type: application/json
--- error_code eval
[409, 409, 409, 409, 204]
--- response_body_like eval
["owned_by_file", "owned_by_file", "owned_by_file", "owned_by_file", "^\$"]

=== TEST 11: a full zone loses nothing
--- http_config
upstream_table small { zone 128k; }
--- config
location /_apps/ { upstream_api small write=on; }
--- request eval
["PUT /_apps/a.test
{\"backends\": [\"http://10.0.0.1:80\"]}", "PATCH /_apps/
{\"a.test\": null,\"h0.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h1.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h2.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h3.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h4.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h5.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h6.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h7.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h8.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h9.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h10.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h11.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h12.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h13.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h14.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h15.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h16.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h17.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h18.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h19.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h20.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h21.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h22.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h23.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h24.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h25.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h26.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h27.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h28.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h29.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h30.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h31.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h32.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h33.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h34.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h35.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h36.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h37.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h38.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h39.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h40.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h41.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h42.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h43.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h44.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h45.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h46.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h47.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h48.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h49.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h50.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h51.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h52.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h53.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h54.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h55.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h56.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h57.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h58.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h59.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h60.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h61.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h62.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h63.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h64.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h65.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h66.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h67.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h68.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h69.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h70.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h71.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h72.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h73.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h74.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h75.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h76.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h77.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h78.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h79.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h80.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h81.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h82.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h83.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h84.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h85.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h86.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h87.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h88.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}},\"h89.test\": {\"backends\": [], \"meta\": {\"x\": \"" . ("y" x 900) . "\"}}}", "GET /_apps/"]
--- more_headers
Content-Type: application/json
--- error_code eval
[201, 507, 200]
--- response_body_like eval
["", "\"zone_full\",\"message\":\"zone is full\",\"pointer\":\"/h", "^[^\n]*\n\"a.test\":[^\n]*\n\$"]

=== TEST 12: a name that points here for a while (DNS rebinding) is no page of ours, unless it knows the key
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config eval: $::Config
--- request eval
["PUT /_apps/new.test
{\"backends\": []}", "DELETE /_apps/a.test", "PUT /_apps/new.test
{\"backends\": []}", "PUT /_key/new.test
{\"backends\": []}"]
--- more_headers eval
["Host: evil.test:81\nOrigin: http://evil.test:81\nSec-Fetch-Site: same-origin\nContent-Type: application/json", "Host: evil.test\nSec-Fetch-Site: same-origin", "Host: 127.0.0.1:81\nOrigin: http://127.0.0.1:81\nContent-Type: application/json", "Host: admin.test\nOrigin: http://admin.test\nContent-Type: application/json\nAuthorization: Bearer correct-horse"]
--- error_code eval
[403, 403, 201, 200]

=== TEST 13: a password in the URL of a backend is neither in the answer nor in a log
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config eval: $::Config
--- request eval
["PUT /_apps/new.test
{\"backends\": [\"http://user:s3cret\@10.0.0.1:80\"]}", "PATCH /_apps/
{\"new.test\": {\"backends\": [\"http://user:s3cret\@10.0.0.1:80\"]}}", "POST /_apps/file.test/backends/reset?url=http://user\@10.0.0.1:80"]
--- more_headers
Content-Type: application/json
--- error_code eval
[400, 400, 400]
--- response_body_like eval
["user name not allowed in backend ..http://\\*\\*\\*\@10.0.0.1:80", "user name not allowed in backend ..http://\\*\\*\\*\@10.0.0.1:80", "http://\\*\\*\\*\@10.0.0.1:80"]
--- no_error_log
s3cret

=== TEST 14: a route that asks for checks where the table makes none; what it has asked for already, and `false`, may stay
--- http_upstream: a
--- http_config
    upstream_table apps { zone 1m; file apps.json; }
    upstream_table checked { zone 1m; check tcp interval=1h; }
--- user_files
>>> ../conf/apps.json
{"file.test": {"backends": [], "check": {"uri": "/live"}}}
--- config
    location /_apps/ { upstream_api apps write=on; }
    location /_checked/ { upstream_api checked write=on; }
--- request eval
["PUT /_apps/new.test
{\"backends\": [], \"check\": {\"uri\": \"/live\"}}", "PATCH /_apps/
{\"a.test\": {\"backends\": []}, \"new.test\": {\"backends\": [], \"check\": {\"interval\": \"1s\"}}}", "GET /_apps/a.test", "PUT /_apps/new.test
{\"backends\": [], \"check\": false}", "PATCH /_apps/new.test
{\"check\": {\"rise\": 1}}", "PUT /_checked/new.test
{\"backends\": [], \"check\": {\"uri\": \"/live\", \"kind\": \"http\"}}"]
--- more_headers
Content-Type: application/json
--- error_code eval
[400, 400, 404, 201, 400, 201]
--- response_body_like eval
["the table has no ..check.. line.*\"pointer\":\"/check\"", "\"pointer\":\"/new.test/check\"", "no_route", "", "\"pointer\":\"/check\"", "\"uri\":\"/live\""]
--- error_log eval
qr/\[warn\] .*upstream table "apps": file ".*apps\.json": 1 route with "check", but the table has no "check" line: nobody checks its backends/
