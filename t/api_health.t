# `GET /-/health`: how each backend is, as this nginx sees it.
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    upstream_table apps { zone 1m; file apps.json; passive fails=1 window=60s; }
    upstream backend { upstream_lookup apps $host; }
_EOC_

our $Config = <<'_EOC_';
    location /_apps/ { upstream_api apps; }
    location / { proxy_pass http://backend; proxy_set_header Host $host; }
_EOC_

run_tests();

__DATA__

=== TEST 1: one that has failed is down, one that is drained is draining
--- http_upstream: a
--- http_config eval: $::Http
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_RAND_PORT_1", "http://127.0.0.1:$TEST_NGINX_PORT_A", {"url": "http://127.0.0.9:1", "drain": true}]}}
--- config eval: $::Config
--- request eval
["GET /_apps/-/health", "GET /", "GET /", "GET /_apps/-/health"]
--- more_headers
Host: a.test
--- response_body_like eval
["^\\{\"version\":1,\"routes\":\\{\n\"a.test\":\\[\\{\"url\":\"http://127.0.0.1:\\d+\",\"state\":\"up\",\"fails\":0\\},\\{\"url\":\"http://127.0.0.1:\\d+\",\"state\":\"up\",\"fails\":0\\},\\{\"url\":\"http://127.0.0.9:1\",\"state\":\"draining\",\"fails\":0\\}\\]\\}\\}\n\$",
 "", "", "\\[\\{\"url\":\"http://127.0.0.1:\\d+\",\"state\":\"down\",\"fails\":1\\},\\{\"url\":\"http://127.0.0.1:\\d+\",\"state\":\"up\",\"fails\":0"]
--- error_code eval
[200, 200, 200, 200]

=== TEST 2: pages, and who may ask
--- http_config eval: $::Http
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.9:1"]}, "b.test": {"backends": []}}
>>> ../conf/key
example
--- config
location /_apps/ { upstream_api apps; }
location /_key/ { upstream_api apps key_file=key; }
--- request eval
["GET /_apps/-/health?limit=1", "GET /_key/-/health", "HEAD /_apps/-/health", "GET /_apps/-/health?x=1", "GET /_apps/-/health/", "OPTIONS /_apps/-/health"]
--- error_code eval
[200, 401, 200, 400, 404, 204]
--- response_body_like eval
["\\},\"owners\":\\{\"([ab].test)\":\"file\"\\},\"next\":\"\\1\"", "", "", "", "", ""]
--- response_headers eval
["Cache-Control: no-store
Content-Type: application/json", "WWW-Authenticate: Bearer", "Cache-Control: no-store", "Content-Type: application/json", "Content-Type: application/json", "Allow: GET, HEAD, OPTIONS"]
--- no_error_log
[alert]

=== TEST 3: whoever looks for something gets it on a small page, wherever it stands in the order
--- http_config eval: $::Http
--- user_files
>>> ../conf/apps.json
{"a.test": {"id": "one", "backends": []}, "b.test": {"id": "two", "backends": []}, "c.test": {"id": "three", "backends": []}, "d.test": {"id": "four", "backends": []}, "e.test": {"id": "five", "backends": []}}
--- config eval: $::Config
--- request eval
["GET /_apps/?limit=1&search=a.te", "GET /_apps/?limit=1&search=b.te", "GET /_apps/?limit=1&search=c.te", "GET /_apps/?limit=1&search=d.te", "GET /_apps/?limit=1&search=e.te", "GET /_apps/-/health?limit=9"]
--- response_body_like eval
["\n\"a.test\":", "\n\"b.test\":", "\n\"c.test\":", "\n\"d.test\":", "\n\"e.test\":", "\"owners\":\\{(\"[a-e].test\":\"file\",){4}\"[a-e].test\":\"file\"\\}\\}\n\$"]

=== TEST 4: a reset is said in the log where a backend was out
--- http_upstream: a
--- http_config eval: $::Http
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_RAND_PORT_1", "http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
--- config
location /_apps/ { upstream_api apps write=on; }
location / { proxy_pass http://backend; proxy_set_header Host $host; }
--- request eval
["GET /", "POST /_apps/a.test/backends/reset?url=http://127.0.0.1:\$TEST_NGINX_RAND_PORT_1"]
--- more_headers
Host: a.test
Content-Type: application/json
--- error_code eval
[200, 204]
--- error_log eval
qr{\[notice\] .*upstream table "apps": backend http://127\.0\.0\.1:\d+ is back}
