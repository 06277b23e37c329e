# The HTTP API of a table: reading routes and changing them.
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    upstream_table apps { zone 1m; file apps.json; }
    upstream backend { upstream_lookup apps $host; }
_EOC_

our $Apps = <<'_EOC_';
>>> ../conf/apps.json
{"file.test": {"id": "f", "backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"], "keys": {"k": "hidden"}}}
_EOC_

our $Config = <<'_EOC_';
    location /_apps/ { upstream_api apps write=on; }
    location / { proxy_pass http://backend; proxy_set_header Host $host; }
_EOC_

run_tests();

__DATA__

=== TEST 1: a table that has a file is read
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config eval: $::Config
--- request eval
["GET /_apps/", "GET /_apps/file.test", "GET /_apps/FILE.test.", "GET /_apps/other.test", "GET /_apps/-/version"]
--- response_body_like eval
["^\\{\"version\":1,\"routes\":\\{\n\"file.test\":\\{\"id\":\"f\",\"backends\":\\[\"http://127.0.0.1:\\d+\"\\]\\}\\}\\}\n\$",
 "^\\{\"id\":\"f\",\"backends\":\\[\"http://127.0.0.1:\\d+\"\\]\\}\n\$", "^\\{\"id\":\"f\"",
 "^\\{\"error\":\\{\"code\":\"no_route\",\"message\":\"there is no route of this key\"\\}\\}\n\$",
 "^\\{\"version\":\"\\d+\\.\\d+\\.\\d+\",\"nginx\":\"1\\.\\d+\\.\\d+\"\\}\n\$"]
--- error_code eval
[200, 200, 200, 404, 200]
--- no_error_log
[error]

=== TEST 2: a route is made, serves, is replaced, goes
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config eval: $::Config
--- request eval
["PUT /_apps/new.test
{\"backends\": [\"http://127.0.0.1:\$TEST_NGINX_PORT_A\"], \"vars\": {\"v\": \"1\"}, \"keys\": {\"k\": \"secret\"}}",
"GET /", "PUT /_apps/new.test
{\"backends\": [{\"url\": \"http://127.0.0.1:\$TEST_NGINX_PORT_B\", \"weight\": 2}]}",
"GET /", "DELETE /_apps/new.test", "GET /", "DELETE /_apps/new.test"]
--- more_headers
Host: new.test
Content-Type: application/json
--- error_code eval
[201, 200, 200, 200, 204, 404, 404]
--- response_body_like eval
["^\\{\"backends\":\\[\"http://127.0.0.1:\\d+\"\\],\"vars\":\\{\"v\":\"1\"\\}\\}\n\$", "^name=a", "\"weight\":2\\}", "^name=b", "^\$", "404 Not Found", "no_route"]
--- no_error_log
secret

=== TEST 3: backends come, are drained, and go
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config eval: $::Config
--- request eval
["PUT /_apps/x.test
{\"backends\": [\"http://127.0.0.1:\$TEST_NGINX_PORT_A\"]}",
"POST /_apps/x.test/backends
\"http://127.0.0.1:\$TEST_NGINX_PORT_B\"",
"POST /_apps/x.test/backends
{\"url\": \"http://127.0.0.1:\$TEST_NGINX_PORT_B\", \"weight\": 3}",
"PATCH /_apps/x.test/backends?url=http://127.0.0.1:\$TEST_NGINX_PORT_A
{\"drain\": true}",
"GET /", "GET /",
"PATCH /_apps/x.test/backends?url=http://127.0.0.1:\$TEST_NGINX_PORT_A
{\"drain\": null, \"weight\": 7}",
"DELETE /_apps/x.test/backends?url=http%3A%2F%2F127.0.0.1:\$TEST_NGINX_PORT_B",
"GET /", "GET /",
"DELETE /_apps/x.test/backends?url=http://127.0.0.1:\$TEST_NGINX_PORT_B",
"PATCH /_apps/x.test/backends?url=http://127.0.0.1:1
{}",
"POST /_apps/x.test/backends/reset?url=http://127.0.0.1:\$TEST_NGINX_PORT_A",
"POST /_apps/x.test/backends/reset?url=http://127.0.0.1:1"]
--- more_headers
Host: x.test
Content-Type: application/json
--- error_code eval
[201, 201, 409, 200, 200, 200, 200, 200, 200, 200, 404, 404, 204, 404]
--- response_body_like eval
["", "^\\{\"backends\":\\[\"http://127.0.0.1:\\d+\",\"http://127.0.0.1:\\d+\"\\]\\}\n\$", "backend_exists", "\"drain\":true", "^name=b", "^name=b",
 "\"weight\":7\\},\"http:", "\"weight\":7\\}\\]\\}\n\$", "^name=a", "^name=a", "no_backend", "no_backend", "^\$", "no_backend"]

=== TEST 4: many at once, in both forms; a null removes
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config eval: $::Config
--- request eval
["PATCH /_apps/
{\"a.test\": {\"id\": \"a\", \"backends\": [\"http://10.0.0.1:80\"]}, \"B.test\": {\"backends\": []}, \"none.test\": null}",
"PATCH /_apps/
{\"version\": 1, \"routes\": {\"a.test\": {\"id\": null, \"meta\": {\"x\": 1}}, \"b.test\": null, \"c.test\": {\"backends\": []}}}",
"GET /_apps/a.test", "GET /_apps/b.test", "GET /_apps/c.test",
"PATCH /_apps/
{\"a.test\": {\"meta\": {\"x\": 1}}}", "PATCH /_apps/
{}"]
--- more_headers
Content-Type: application/merge-patch+json
--- error_code eval
[200, 200, 200, 404, 200, 200, 200]
--- response_body eval
["{\"created\":2,\"replaced\":0,\"removed\":0,\"unchanged\":0}\n",
 "{\"created\":1,\"replaced\":1,\"removed\":1,\"unchanged\":0}\n",
 "{\"backends\":[\"http://10.0.0.1:80\"],\"meta\":{\"x\":1}}\n",
 "{\"error\":{\"code\":\"no_route\",\"message\":\"there is no route of this key\"}}\n",
 "{\"backends\":[]}\n",
 "{\"created\":0,\"replaced\":0,\"removed\":0,\"unchanged\":1}\n",
 "{\"created\":0,\"replaced\":0,\"removed\":0,\"unchanged\":0}\n"]

=== TEST 5: of many all or none
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config eval: $::Config
--- request eval
["PATCH /_apps/
{\"a.test\": {\"backends\": []}, \"file.test\": {\"id\": \"mine\"}}",
"PATCH /_apps/
{\"a.test\": {\"backends\": []}, \"b.test\": {\"backends\": [{\"url\": \"http://a:1\", \"weight\": 0}]}}",
"PATCH /_apps/
{\"a.test\": {\"backends\": []}, \"a.test.\": null}",
"PATCH /_apps/
{\"a.test\": {\"backends\": []}, ",
"PATCH /_apps/
{\"a.test\": {\"backends\": []}, \"-x y-\": null}",
"GET /_apps/a.test"]
--- more_headers
Content-Type: application/json
--- error_code eval
[409, 400, 400, 400, 400, 404]
--- response_body eval
["{\"error\":{\"code\":\"owned_by_file\",\"message\":\"key belongs to the file\",\"pointer\":\"/file.test\"}}\n",
 "{\"error\":{\"code\":\"invalid_route\",\"message\":\"weight is not 1 to 65535\",\"pointer\":\"/b.test/backends/0/weight\"}}\n",
 "{\"error\":{\"code\":\"invalid_route\",\"message\":\"duplicate key \\\"a.test.\\\", it is \\\"a.test\\\"\",\"pointer\":\"/a.test.\"}}\n",
 "{\"error\":{\"code\":\"invalid_json\",\"message\":\"unexpected end at line 1 column 28\"}}\n",
 "{\"error\":{\"code\":\"invalid_route\",\"message\":\"invalid host name \\\"-x y-\\\"\",\"pointer\":\"/-x y-\"}}\n",
 "{\"error\":{\"code\":\"no_route\",\"message\":\"there is no route of this key\"}}\n"]

=== TEST 6: pages, and the routes of one owner
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config eval: $::Config
--- request eval
["PATCH /_apps/
{\"a\": {\"backends\": []}, \"b\": {\"backends\": []}, \"c\": {\"backends\": []}}", "GET /_apps/?limit=4", "GET /_apps/?limit=3", "GET /_apps/?owner=file", "GET /_apps/?owner=api&limit=3", "GET /_apps/?owner=api&limit=2", "GET /_apps/?owner=redis&after=zzz"]
--- more_headers
Content-Type: application/json
--- response_body_like eval
["\"created\":3", "^\\{\"version\":1,\"routes\":\\{(\n[^\n]*){4}\\}\n\$", "^\\{\"version\":1,\"routes\":\\{(\n[^\n]*){3}\\},\"next\":\"[^\"]+\"\\}\n\$",
 "^[^\n]*\n\"file.test\":[^\n]*\\}\\}\n\$", "^[^\n]*\n(\"[abc]\":[^\n]*\n){3}\$", "^[^\n]*\n(\"[abc]\":[^\n]*\n){2}\$", "^\\{\"version\":1,\"routes\":\\{\\}\\}\n\$"]

=== TEST 7: the whole answer of a HEAD but for the body, OPTIONS
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config eval: $::Config
--- request eval
["HEAD /_apps/file.test", "HEAD /_apps/", "OPTIONS /_apps/", "OPTIONS /_apps/a", "OPTIONS /_apps/a/backends", "OPTIONS /_apps/a/backends/reset", "OPTIONS /_apps/-/version"]
--- error_code eval
[200, 200, 204, 204, 204, 204, 204]
--- response_headers eval
["Content-Type: application/json", "Content-Type: application/json", "Allow: GET, HEAD, OPTIONS, PATCH\nGatehouse-Table: apps", "Allow: GET, HEAD, OPTIONS, PUT, PATCH, DELETE\n!Gatehouse-Table", "Allow: OPTIONS, POST, PATCH, DELETE\n!Gatehouse-Table", "Allow: OPTIONS, POST\n!Gatehouse-Table", "Allow: GET, HEAD, OPTIONS\n!Gatehouse-Table"]
--- response_body eval
["", "", "", "", "", "", ""]

=== TEST 8: keys of any bytes (match exact)
--- http_config
upstream_table apps { zone 1m; match exact; }
--- config
location /_apps/ { upstream_api apps write=on; }
--- request eval
["PUT /_apps/a%2FB%2F%2f%25%20%C3%A9
{\"backends\": []}", "GET /_apps/a%2fB%2F%2F%25%20%c3%a9", "GET /_apps/", "GET /_apps/a/B", "GET /_apps/%FF", "PATCH /_apps/
{\"-\": {\"backends\": []}}", "PUT /_apps/%2D
{\"backends\": []}"]
--- more_headers
Content-Type: application/json
--- error_code eval
[201, 200, 200, 404, 400, 400, 404]
--- response_body_like eval
["", "^\\{\"backends\":\\[\\]\\}\n\$", "\n\"a/B//% \xc3\xa9\":", "unknown_path", "the key is not UTF-8", "reserved", "unknown_path"]

=== TEST 9: a body in a file
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
client_body_buffer_size 1k;
location /_apps/ { upstream_api apps write=on body_max=64k; }
--- request eval
"PATCH /_apps/
{\"a\": {\"backends\": []}" . (" " x 20001) . "}"
--- more_headers
Content-Type: application/json
--- response_body_like: ^\{"created":1,.*\n$

=== TEST 10: a body without a length
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config eval: $::Config
--- raw_request eval
"PATCH /_apps/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{\"b\": {\r\n10\r\n\"backends\": []}}\r\n0\r\n\r\n"
--- response_body_like: ^\{"created":1,.*\n$

=== TEST 11: `if` and `limit_except` of the location answer as it does
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location /_apps/ {
    upstream_api apps write=on;
    if ($arg_limit) { set $x 1; }
    limit_except GET { deny all; }
}
--- request eval
["GET /_apps/file.test", "GET /_apps/?limit=5", "DELETE /_apps/file.test"]
--- error_code eval
[200, 200, 403]
--- response_body_like eval
["^\\{\"id\"", "\n\"file.test\":", "403 Forbidden"]

=== TEST 12: after a rewrite the path that nginx has counts
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location /_apps/ { upstream_api apps; }
location /_apps/secret { return 403; }
rewrite ^/v1/(.*)$ /_apps/$1;
--- request eval
["GET /v1/file.test", "GET /_apps/x/../file.test", "GET //%5fapps/./file.test", "GET /_apps/secret", "GET /_apps/x/../secret", "GET /_apps/%73ecret"]
--- error_code eval
[200, 200, 200, 403, 403, 403]

=== TEST 13: names from /etc/hosts, and one that nobody knows: it holds up no change
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
resolver 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
resolver_timeout 200ms;
location /_apps/ { upstream_api apps write=on; }
location / { proxy_pass http://backend; proxy_set_header Host $host; }
--- request eval
["PUT /_apps/local.test
{\"backends\": [\"http://localhost:\$TEST_NGINX_PORT_A\"]}", "GET /_apps/local.test", "GET /", "PUT /_apps/gone.test
{\"backends\": [\"http://10.0.0.1:80\", \"http://nobody.invalid:80\"]}", "GET /_apps/gone.test", "PATCH /_apps/
{\"x.test\": {\"backends\": []}, \"gone.test\": {\"backends\": [\"http://nobody.invalid:80\"]}}", "GET /_apps/x.test"]
--- more_headers
Host: local.test
Content-Type: application/json
--- error_code eval
[201, 200, 200, 201, 200, 200, 200]
--- response_body_like eval
["^\\{\"backends\":\\[\"http://localhost:\\d+\"\\]\\}\n\$", "^\\{\"backends\":\\[\"http://localhost:\\d+\"\\]\\}\n\$", "^name=a", "nobody.invalid", "^\\{\"backends\":\\[\"http://10.0.0.1:80\",\"http://nobody.invalid:80\"\\]\\}\n\$", "\"created\":1,\"replaced\":1", "^\\{\"backends\":\\[\\]\\}\n\$"]
--- no_check

=== TEST 14: a connection goes on after a change
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config eval: $::Config
--- request eval
["PUT /_apps/new.test
{\"backends\": [\"http://127.0.0.1:\$TEST_NGINX_PORT_A\"]}", "GET /_apps/new.test"]
--- more_headers
Content-Type: application/json
Connection: keep-alive
--- error_code eval
[201, 200]
--- response_headers eval
["Connection: keep-alive", "Connection: keep-alive"]

=== TEST 15: events may be asked for by those who may read
--- http_config eval: $::Http
--- user_files
>>> ../conf/apps.json
{}
>>> ../conf/key
example
--- config
location /_apps/ { upstream_api apps; }
location /_key/ { upstream_api apps write=on key_file=key; }
--- request eval
["HEAD /_apps/-/events", "HEAD /_key/-/events", "GET /_key/-/events", "PUT /_apps/-/events
{}", "POST /_key/-/events
{}", "OPTIONS /_apps/-/events", "GET /_apps/-/events?x=1", "GET /_apps/-/events/", "GET /_apps/-/event"]
--- more_headers eval
["", "Authorization: Bearer example", "", "Content-Type: application/json", "Authorization: Bearer example
Content-Type: application/json", "", "", "", ""]
--- error_code eval
[200, 200, 401, 405, 405, 204, 400, 404, 404]
--- response_headers eval
["Content-Type: text/event-stream
Cache-Control: no-store
X-Accel-Buffering: no", "Content-Type: text/event-stream", "WWW-Authenticate: Bearer", "Allow: GET, HEAD, OPTIONS", "Allow: GET, HEAD, OPTIONS", "Allow: GET, HEAD, OPTIONS", "Content-Type: application/json", "Content-Type: application/json", "Content-Type: application/json"]

=== TEST 16: a `limit_except` that lets pass answers as its location does, a location inside of it does not
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval
$::Apps . ">>> _apps/file.test\na file\n"
--- config
location /_apps/ {
    upstream_api apps write=on;
    limit_except GET { allow all; }
    location = /_apps/file.test { default_type text/css; }
}
--- request eval
["DELETE /_apps/none.test", "OPTIONS /_apps/none.test", "GET /_apps/file.test"]
--- error_code eval
[404, 204, 200]
--- response_body_like eval
["no_route", "^\$", "^a file"]

=== TEST 17: a body where none is wanted is thrown away, however long it is
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location /_apps/ { upstream_api apps write=on; }
--- request eval
["DELETE /_apps/none.test\n" . "x" x 600000, "GET /_apps/file.test\n" . "x" x 600000]
--- error_code eval
[404, 200]

=== TEST 18: limits of a backend are kept, changed and taken away
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config eval: $::Config
--- request eval
["PUT /_apps/x.test
{\"backends\": [\"http://127.0.0.1:\$TEST_NGINX_PORT_A#max_conns=5&slow_start=2m\"]}",
"GET /_apps/x.test",
"PATCH /_apps/x.test/backends?url=http://127.0.0.1:\$TEST_NGINX_PORT_A
{\"max_conns\": 7, \"slow_start\": null}",
"GET /",
"PATCH /_apps/x.test/backends?url=http://127.0.0.1:\$TEST_NGINX_PORT_A
{\"max_conns\": -1}"]
--- more_headers
Host: x.test
Content-Type: application/json
--- error_code eval
[201, 200, 200, 200, 400]
--- response_body_like eval
["", "\"max_conns\":5,\"slow_start\":\"120s\"\\}\\]\\}\n\$", "\\d\",\"max_conns\":7\\}\\]\\}\n\$", "^name=a", "max_conns is not 0 to 1048575"]
