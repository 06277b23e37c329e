# Backends that register themselves, as callers see it.
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    upstream_table apps { zone 1m; file apps.json; }
    upstream backend { upstream_lookup apps $host; }
_EOC_

our $Files = <<'_EOC_';
>>> ../conf/apps.json
{"file.test": {"backends": []}}
>>> ../conf/key
correct-horse
_EOC_

our $Config = <<'_EOC_';
    location = /_join { upstream_register apps hosts=a.test,*.apps.test,file.test,api.test key_file=key max_ttl=20s max=2; }
    location = /_open { upstream_register apps hosts=* insecure; }
    location = /_if { upstream_register apps hosts=* insecure; if ($arg_host = "") { set $x 1; } }
    location = /_near { set_real_ip_from 127.0.0.1; real_ip_header X-Real; upstream_register apps hosts=* insecure; }
    location /_apps/ { upstream_api apps write=on; }
    location / { proxy_set_header Host $host; proxy_pass http://backend; }
_EOC_

run_tests();

__DATA__

=== TEST 1: a backend comes, is renewed and goes
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Files
--- config eval: $::Config
--- request eval
["POST /_join?host=A.test.&port=\$TEST_NGINX_PORT_A", "POST /_join?host=a.test:80&port=\$TEST_NGINX_PORT_A&ttl=10s", "GET /", "GET /_apps/a.test", "DELETE /_join?host=a.test&port=\$TEST_NGINX_PORT_A", "DELETE /_join?host=a.test&port=\$TEST_NGINX_PORT_A", "GET /", "GET /_apps/a.test"]
--- more_headers
Host: a.test
Authorization: Bearer correct-horse
--- error_code eval
[201, 200, 200, 200, 204, 404, 404, 404]
--- response_body_like eval
["\"host\":\"a.test\",\"backend\":\"http://127.0.0.1:\\d+\",\"ttl_ms\":20000", "\"ttl_ms\":10000", "", "\"until\":\\[\\d+\\]", "", "no_backend", "", "no_route"]

=== TEST 2: the key, in constant time
--- http_config eval: $::Http
--- user_files eval: $::Files
--- config eval: $::Config
--- request eval
["POST /_join?host=a.test&port=3000", "POST /_join?host=a.test&port=3000", "POST /_join?host=a.test&port=3000", "DELETE /_join?host=a.test&port=3000", "OPTIONS /_join", "GET /_join", "POST /_join"]
--- more_headers eval
["", "Authorization: Bearer correct-hors", "Authorization: Basic correct-horse", "", "", "", ""]
--- error_code eval
[401, 401, 401, 401, 401, 401, 401]
--- response_headers eval
["WWW-Authenticate: Bearer", "WWW-Authenticate: Bearer", "WWW-Authenticate: Bearer", "WWW-Authenticate: Bearer", "WWW-Authenticate: Bearer", "WWW-Authenticate: Bearer", "WWW-Authenticate: Bearer"]
--- no_error_log
correct-hors

=== TEST 3: hosts that are not listed
--- http_config eval: $::Http
--- user_files eval: $::Files
--- config eval: $::Config
--- request eval
["POST /_join?host=bank.test&port=3000", "POST /_join?host=*&port=3000", "POST /_join?host=apps.test&port=3000", "POST /_join?host=*.b.apps.test&port=3000", "POST /_join?host=*.apps.test&port=3000", "POST /_join?host=b.apps.test&port=3000", "DELETE /_join?host=bank.test&port=3000"]
--- more_headers
Authorization: Bearer correct-horse
--- error_code eval
[403, 403, 403, 403, 201, 201, 403]
--- response_body_like eval
["host_not_allowed", "host_not_allowed", "host_not_allowed", "host_not_allowed", "", "", "host_not_allowed"]

=== TEST 4: arguments that are wrong
--- http_config eval: $::Http
--- user_files eval: $::Files
--- config eval: $::Config
--- request eval
["POST /_join", "POST /_join?host=a.test", "POST /_join?host=a.test&port=0", "POST /_join?host=a.test&port=70000", "POST /_join?host=a%00.test&port=1", "POST /_join?host=a.test&port=1&port=2", "POST /_join?host=a.test&port=1&ttl=soon", "POST /_join?host=a.test&port=1&address=10.0.0.1", "POST /_join?host=&port=1"]
--- more_headers
Authorization: Bearer correct-horse
--- error_code eval
[400, 400, 400, 400, 400, 400, 400, 400, 400]
--- response_body_like eval
["missing argument .\"host", "missing argument .\"port", "invalid argument .\"port", "invalid argument .\"port", "invalid host name", "duplicate argument .\"port", "invalid argument .\"ttl", "unknown argument", "empty key"]

=== TEST 5: methods
--- http_config eval: $::Http
--- user_files eval: $::Files
--- config eval: $::Config
--- request eval
["GET /_join?host=a.test&port=1", "PUT /_join?host=a.test&port=1", "OPTIONS /_join"]
--- more_headers
Authorization: Bearer correct-horse
--- error_code eval
[405, 405, 204]
--- response_headers eval
["Allow: OPTIONS, POST, DELETE", "Allow: OPTIONS, POST, DELETE", "Allow: OPTIONS, POST, DELETE"]

=== TEST 6: a browser registers nothing, with a key or without
--- http_config eval: $::Http
--- user_files eval: $::Files
--- config eval: $::Config
--- request eval
["POST /_open?host=a.test&port=3000", "POST /_open?host=a.test&port=3000", "POST /_open?host=a.test&port=3000", "DELETE /_open?host=a.test&port=3000", "POST /_join?host=a.test&port=3000", "DELETE /_open?host=a.test&port=3000", "POST /_if?host=b.test&port=3000"]
--- more_headers eval
["", "Content-Type: application/json\nOrigin: http://evil.test", "Content-Type: application/json", "Origin: http://evil.test", "Authorization: Bearer correct-horse\nOrigin: null", "", "Content-Type: application/json"]
--- error_code eval
[415, 403, 201, 403, 403, 204, 201]
--- response_body_like eval
["unsupported_media_type", "foreign_origin", "", "foreign_origin", "foreign_origin", "", ""]

=== TEST 7: who owns a host keeps it
--- http_config eval: $::Http
--- user_files eval: $::Files
--- config eval: $::Config
--- request eval
["POST /_join?host=file.test&port=3000", "DELETE /_join?host=file.test&port=3000", "PUT /_apps/api.test
{\"backends\": []}", "POST /_join?host=api.test&port=3000", "POST /_join?host=a.test&port=3000", "DELETE /_apps/a.test", "PUT /_apps/a.test
{\"backends\": []}"]
--- more_headers
Content-Type: application/json
Authorization: Bearer correct-horse
--- error_code eval
[409, 409, 201, 409, 201, 409, 409]
--- response_body_like eval
["owned_by_file", "owned_by_file", "", "owned_by_api", "", "owned_by_registration", "owned_by_registration"]

=== TEST 8: no more backends than a host may have
--- http_config eval: $::Http
--- user_files eval: $::Files
--- config eval: $::Config
--- request eval
["POST /_join?host=a.test&port=1", "POST /_join?host=a.test&port=2", "POST /_join?host=a.test&port=3", "POST /_join?host=a.test&port=2", "DELETE /_join?host=a.test&port=1", "POST /_join?host=a.test&port=3"]
--- more_headers
Authorization: Bearer correct-horse
--- error_code eval
[201, 201, 409, 200, 204, 201]
--- response_body_like eval
["", "", "too_many_backends", "", "", ""]

=== TEST 9: nginx is no backend of its own
--- http_config eval: $::Http . 'server { listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1; } server { listen $TEST_NGINX_RAND_PORT_2; } server { listen 127.0.0.2:$TEST_NGINX_RAND_PORT_3; }'
--- user_files eval: $::Files
--- config eval: $::Config
--- request eval
["POST /_join?host=a.test&port=\$TEST_NGINX_SERVER_PORT", "POST /_join?host=a.test&port=\$TEST_NGINX_RAND_PORT_1", "POST /_join?host=a.test&port=\$TEST_NGINX_RAND_PORT_2", "GET /_apps/a.test", "POST /_join?host=a.test&port=\$TEST_NGINX_RAND_PORT_3"]
--- more_headers
Authorization: Bearer correct-horse
--- error_code eval
[403, 403, 403, 404, 201]
--- response_body_like eval
["own_listener", "own_listener", "own_listener", "no_route", "ttl_ms"]

=== TEST 10: only the address that nginx sees counts
--- http_config eval: $::Http
--- user_files eval: $::Files
--- config eval: $::Config
--- request eval
["POST /_open?host=a.test&port=3000", "GET /_apps/a.test", "POST /_near?host=b.test&port=3000", "GET /_apps/b.test", "DELETE /_open?host=b.test&port=3000"]
--- more_headers
Content-Type: application/json
X-Forwarded-For: 10.9.9.9
Forwarded: for=10.9.9.9
X-Real: 10.8.8.8
--- error_code eval
[201, 200, 201, 200, 404]
--- response_body_like eval
["127.0.0.1:3000", "127.0.0.1:3000", "10.8.8.8:3000", "10.8.8.8:3000", "no_backend"]

=== TEST 11: addresses at which no backend can be
--- http_config eval: $::Http
--- user_files eval: $::Files
--- config eval: $::Config
--- request eval
["POST /_near?host=b.test&port=3000", "POST /_near?host=b.test&port=3000", "POST /_near?host=b.test&port=3000", "POST /_near?host=b.test&port=3000"]
--- more_headers eval
["Content-Type: application/json\nX-Real: 169.254.1.1", "Content-Type: application/json\nX-Real: fe80::1", "Content-Type: application/json\nX-Real: 224.0.0.1", "Content-Type: application/json\nX-Real: 0.0.0.0"]
--- error_code eval
[403, 403, 403, 403]
--- response_body_like eval
["link-local", "link-local", "multicast", "unspecified"]

=== TEST 12: a port that nginx listens at everywhere, on another machine
--- http_config eval: $::Http . 'server { listen $TEST_NGINX_RAND_PORT_2; } server { listen 127.0.0.2:$TEST_NGINX_RAND_PORT_3; }'
--- user_files eval: $::Files
--- config eval: $::Config
--- request eval
["POST /_near?host=a.test&port=\$TEST_NGINX_RAND_PORT_2", "POST /_near?host=a.test&port=\$TEST_NGINX_RAND_PORT_3", "POST /_near?host=a.test&port=\$TEST_NGINX_RAND_PORT_3"]
--- more_headers eval
["X-Real: 192.0.2.1\nContent-Type: application/json", "X-Real: 192.0.2.1\nContent-Type: application/json", "X-Real: 127.0.0.2\nContent-Type: application/json"]
--- error_code eval
[201, 201, 403]

=== TEST 13: a body is thrown away, a `limit_except` answers as its location does, a location inside of it does not
--- http_config eval: $::Http
--- user_files eval: $::Files
--- config
location /_join { upstream_register apps hosts=* insecure; limit_except POST { allow all; } location /_join/here { return 418; } location /_join/file { default_type text/css; } }
--- more_headers
Content-Type: application/json
--- request eval
["POST /_join?host=a.test&port=3000\n{\"a\": 1}", "DELETE /_join?host=a.test&port=3000", "DELETE /_join?host=a.test&port=3000", "POST /_join/here?host=a.test&port=3000", "GET /_join/file?host=a.test&port=3000"]
--- error_code eval
[201, 204, 404, 418, 404]
--- response_body_like eval
["ttl_ms", "^\$", "no_backend", "", "404 Not Found"]

=== TEST 14: where no key is asked for, a page whose own name leads here registers nothing either
--- http_config eval: $::Http
--- user_files eval: $::Files
--- config eval: $::Config
--- request eval
["POST /_open?host=a.test&port=3000", "POST /_open?host=a.test&port=3000", "POST /_join?host=x.apps.test&port=3000"]
--- more_headers eval
["Host: evil.test\nOrigin: http://evil.test\nSec-Fetch-Site: same-origin\nContent-Type: application/json", "Host: 127.0.0.1:81\nOrigin: http://127.0.0.1:81\nContent-Type: application/json", "Host: admin.test\nOrigin: http://admin.test\nContent-Type: application/json\nAuthorization: Bearer correct-horse"]
--- error_code eval
[403, 201, 201]
--- response_body_like eval
["foreign_origin", "", ""]
