# The lookup: which route a key finds, and what the request then knows about it.
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    upstream_table apps { zone 1m; file apps.json; }
    upstream backend { upstream_lookup apps $host; }
    proxy_set_header Host $host;
    proxy_set_header X-Result $upstream_lookup_result;
    proxy_set_header X-Key $upstream_lookup_key;
    proxy_set_header X-Id $upstream_lookup_id;
_EOC_

our $Apps = <<'_EOC_';
>>> ../conf/apps.json
{"version": 1, "routes": {
  "shop.test":         {"id": "shop", "backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]},
  "*.shop.test":       {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_B"]},
  "*.eu.shop.test":    {"id": "eu", "backends": ["http://127.0.0.1:$TEST_NGINX_PORT_C"]},
  "x.y.z.shop.test":   {"id": "xyz", "backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]},
  "[2001:DB8::1]":     {"id": "six", "backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]},
  "192.0.2.1":         {"id": "four", "backends": ["http://127.0.0.1:$TEST_NGINX_PORT_B"]},
  "under_score.test":  {"id": "low", "backends": ["http://127.0.0.1:$TEST_NGINX_PORT_C"]}
}}
_EOC_

our $Default = <<'_EOC_';
>>> ../conf/apps.json
{"shop.test": {"id": "shop", "backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]},
 "*.test":    {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_B"]},
 "*":         {"id": "rest", "backends": ["http://127.0.0.1:$TEST_NGINX_PORT_C"]}}
_EOC_

run_tests();

__DATA__

=== TEST 1: the key itself
--- http_upstream: a, b, c
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { proxy_pass http://backend; }
--- request
GET /a?b=c
--- more_headers
Host: shop.test
--- response_body_like: ^name=a\nGET /a\?b=c HTTP/1\.\d\r\nHost: shop\.test\r\nX-Result: exact\r\nX-Key: shop\.test\r\nX-Id: shop\r\n
--- no_error_log
[warn]
[error]

=== TEST 2: wildcards, the longest first, at every depth
--- http_upstream: a, b, c
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /", "GET /", "GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
["Host: a.shop.test", "Host: a.b.c.d.shop.test", "Host: a.eu.shop.test", "Host: a.b.eu.shop.test", "Host: eu.shop.test", "Host: x.y.z.shop.test", "Host: w.x.y.z.shop.test"]
--- response_body_like eval
[qr/^name=b\n.*X-Result: wildcard\r\nX-Key: \*\.shop\.test\r\n(?!X-Id)/s,
 qr/^name=b\n.*X-Key: \*\.shop\.test\r\n/s,
 qr/^name=c\n.*X-Result: wildcard\r\nX-Key: \*\.eu\.shop\.test\r\nX-Id: eu\r\n/s,
 qr/^name=c\n.*X-Key: \*\.eu\.shop\.test\r\n/s,
 qr/^name=b\n.*X-Key: \*\.shop\.test\r\n/s,
 qr/^name=a\n.*X-Result: exact\r\nX-Key: x\.y\.z\.shop\.test\r\n/s,
 qr/^name=b\n.*X-Key: \*\.shop\.test\r\n/s]

=== TEST 3: hosts no route knows
--- http_upstream: a, b, c
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /", "GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
["Host: test", "Host: ashop.test", "Host: shop.test.example", "Host: hop.test", "Host: 192.0.2.2", "Host: [2001:db8::2]"]
--- error_code eval
[404, 404, 404, 404, 404, 404]

=== TEST 4: the default takes what is left
--- http_upstream: a, b, c
--- http_config eval: $::Http
--- user_files eval: $::Default
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
["Host: shop.test", "Host: other.test", "Host: test", "Host: a.example", "Host: [::1]"]
--- response_body_like eval
[qr/^name=a\n/, qr/^name=b\n/, qr/^name=c\n.*X-Result: default\r\nX-Key: \*\r\nX-Id: rest\r\n/s, qr/^name=c\n/, qr/^name=c\n/]

=== TEST 5: case, port and trailing dot do not matter
--- http_upstream: a, b, c
--- http_config
upstream_table apps { zone 1m; file apps.json; }
upstream backend { upstream_lookup apps $http_host; }
proxy_set_header X-Key $upstream_lookup_key;
--- user_files eval: $::Apps
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /", "GET /", "GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
["Host: SHOP.Test", "Host: shop.test:8080", "Host: shop.test.", "Host: Shop.TEST.:80", "Host: [2001:db8::1]:443", "Host: 192.0.2.1:80", "Host: under_score.test"]
--- response_body_like eval
[qr/^name=a\n.*X-Key: shop\.test\r\n/s, qr/^name=a\n/, qr/^name=a\n/, qr/^name=a\n/, qr/^name=a\n.*X-Key: \[2001:db8::1\]\r\n/s, qr/^name=b\n/, qr/^name=c\n/]

=== TEST 6: a request without Host is a miss, and no default takes an empty key
--- http_upstream: a, b, c
--- http_config
upstream_table apps { zone 1m; file apps.json; }
upstream backend { upstream_lookup apps $http_host; }
--- user_files eval: $::Default
--- config
location / { proxy_pass http://backend; }
--- raw_request eval
"GET / HTTP/1.0\r\n\r\n"
--- error_code: 404

=== TEST 7: a star in a request is only a character
--- http_upstream: a, b, c
--- http_config
upstream_table apps { zone 1m; file apps.json; }
upstream backend { upstream_lookup apps $arg_h; }
--- user_files eval: $::Apps
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /?h=*", "GET /?h=*.test", "GET /?h=*shop.test", "GET /?h=."]
--- error_code eval
[404, 404, 404, 404]

=== TEST 8: match exact compares bytes and knows no wildcards
--- http_upstream: a, b, c
--- http_config
upstream_table paths { zone 1m; match exact; file paths.json; }
upstream backend { upstream_lookup paths $uri; }
proxy_set_header X-Result $upstream_lookup_result;
--- user_files
>>> ../conf/paths.json
{"/one": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]},
 "/One": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_B"]},
 "/a.b:80": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_C"]},
 "*": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_C"]}}
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /one", "GET /One", "GET /a.b:80", "GET /a.b", "GET /ONE", "GET /one.", "GET /"]
--- error_code eval
[200, 200, 200, 404, 404, 404, 404]
--- response_body_like eval
[qr/^name=a\n.*X-Result: exact/s, qr/^name=b/, qr/^name=c/, qr/404/, qr/404/, qr/404/, qr/404/]

=== TEST 9: a wildcard is no key of its own subdomain's parent
--- http_upstream: a
--- http_config eval: $::Http
--- user_files
>>> ../conf/apps.json
{"*.only.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /", "GET /"]
--- more_headers eval
["Host: only.test", "Host: a.only.test", "Host: .only.test"]
--- error_code eval
[404, 200, 404]

=== TEST 10: a key made of several variables
--- http_upstream: a, b
--- http_config
upstream_table apps { zone 1m; match exact; file apps.json; }
upstream backend { upstream_lookup apps "$host|$request_method"; }
--- user_files
>>> ../conf/apps.json
{"shop.test|GET": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]},
 "shop.test|POST": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_B"]}}
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "POST /\nbody", "DELETE /"]
--- more_headers
Host: shop.test
--- error_code eval
[200, 200, 404]
--- response_body_like eval
[qr/^name=a\n/, qr/^name=b\n.*\r\n\r\nbody/s, qr/404/]

=== TEST 11: several upstreams with one table, another table beside it
--- http_upstream: a, b, c
--- http_config
upstream one { upstream_lookup apps $host; }
upstream_table apps { zone 1m; file apps.json; }
upstream two { upstream_lookup apps $arg_h; }
upstream three { upstream_lookup others $host; }
upstream_table others { zone 1m; file others.json; miss 503; }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]},
 "b.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_B"]}}
>>> ../conf/others.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_C"]}}
--- config
location /one { proxy_pass http://one; }
location /two { proxy_pass http://two; }
location /three { proxy_pass http://three; }
--- request eval
["GET /one", "GET /two?h=b.test", "GET /three", "GET /three"]
--- more_headers eval
["Host: a.test", "Host: a.test", "Host: a.test", "Host: b.test"]
--- error_code eval
[200, 200, 200, 503]
--- response_body_like eval
[qr/^name=a\n/, qr/^name=b\n/, qr/^name=c\n/, qr/503/]

=== TEST 12: proxy_pass with a variable names the upstream, with and without port
--- http_upstream: a
--- http_config
upstream_table apps { zone 1m; file apps.json; }
upstream backend { upstream_lookup apps $host; }
proxy_set_header X-Result $upstream_lookup_result;
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
--- config
location / { set $to backend; proxy_pass http://$to; }
location /upper { set $to BackEnd; proxy_pass http://$to; }
location /uri { set $to backend; proxy_pass http://$to/x$is_args$args; }
--- request eval
["GET /", "GET /upper", "GET /uri?q=1", "GET /"]
--- more_headers eval
["Host: a.test", "Host: a.test", "Host: a.test", "Host: b.test"]
--- error_code eval
[200, 200, 200, 404]
--- response_body_like eval
[qr/^name=a\n.*X-Result: exact/s, qr/^name=a\nGET \/upper .*X-Result: exact/s, qr/^name=a\nGET \/x\?q=1 .*X-Result: exact/s, qr/404/]

=== TEST 13: proxy_pass with a URI
--- http_upstream: a
--- http_config
upstream_table apps { zone 1m; file apps.json; }
upstream backend { upstream_lookup apps $host; }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
--- config
location /shop/ { proxy_pass http://backend/v1/; }
--- request
GET /shop/cart?id=7
--- more_headers
Host: a.test
--- response_body_like: ^name=a\nGET /v1/cart\?id=7 HTTP

=== TEST 14: the variables in add_header and in the log
--- http_upstream: a, b, c
--- http_config
upstream_table apps { zone 1m; file apps.json; }
upstream backend { upstream_lookup apps $host; }
log_format looked '$uri [$upstream_lookup_result|$upstream_lookup_key|$upstream_lookup_id]';
access_log logs/access.log looked;
--- user_files eval: $::Apps
--- config
add_header X-Found "$upstream_lookup_result $upstream_lookup_key $upstream_lookup_id" always;
location / { proxy_pass http://backend; }
location /plain { return 204; }
--- request eval
["GET /eu", "GET /none", "GET /plain"]
--- more_headers eval
["Host: a.eu.shop.test", "Host: nobody.test", "Host: shop.test"]
--- error_code eval
[200, 404, 204]
--- response_headers eval
["X-Found: wildcard *.eu.shop.test eu", "X-Found: miss  ", "X-Found:   "]
--- access_log
/eu [wildcard|*.eu.shop.test|eu]
/none [miss|-|-]
/plain [-|-|-]

=== TEST 15: a variable read before the upstream is known does not spoil the later one
--- http_upstream: a, b, c
--- http_config
upstream_table apps { zone 1m; file apps.json; }
upstream backend { upstream_lookup apps $host; }
--- user_files eval: $::Apps
--- config
location / {
    set $early "[$upstream_lookup_result]";
    add_header X-Early $early;
    add_header X-Late $upstream_lookup_result;
    proxy_pass http://backend;
}
--- request
GET /
--- more_headers
Host: shop.test
--- response_headers
X-Early: []
X-Late: exact

=== TEST 16: a redirect to another upstream looks up again
--- http_upstream: a, b, c
--- http_config
upstream_table apps { zone 1m; file apps.json; }
upstream_table others { zone 1m; file others.json; }
upstream backend { upstream_lookup apps $host; }
upstream other { upstream_lookup others $host; }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
>>> ../conf/others.json
{"b.test": {"id": "b", "backends": ["http://127.0.0.1:$TEST_NGINX_PORT_B"]},
 "a.test": {"id": "a2", "backends": ["http://127.0.0.1:$TEST_NGINX_PORT_C"]}}
--- config
proxy_intercept_errors on;
location / { error_page 404 = @other; error_page 503 = @other; proxy_pass http://backend; }
location @other { add_header X-Id $upstream_lookup_id; proxy_pass http://other; }
--- request eval
["GET /", "GET /status/503", "GET /"]
--- more_headers eval
["Host: b.test", "Host: a.test", "Host: none.test"]
--- error_code eval
[200, 503, 404]
--- response_headers eval
["X-Id: b", "X-Backend: c", "! X-Id"]
--- response_body_like eval
[qr/^name=b\n/, qr/^name=c\n/, qr/404/]

=== TEST 17: values that would split a header are not found
--- http_upstream: a
--- http_config
upstream_table apps { zone 1m; file apps.json; }
upstream backend { upstream_lookup apps $host; }
upstream_variable $token apps $host token default=none;
proxy_set_header X-Id "[$upstream_lookup_id]";
proxy_set_header X-Token $token;
--- user_files eval
">>> ../conf/apps.json\n" .
'{"a.test": {"id": "x\r\nX-Evil: 1", "vars": {"token": "gold\r\nX-Evil: 2"}, "backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}'
--- config
location / { proxy_pass http://backend; }
--- request
GET /
--- more_headers
Host: a.test
--- response_body_like: X-Id: \[\]\r\n(?!X-Token)
--- response_body_unlike: Evil

=== TEST 18: IPv6 backends and unix sockets
--- http_config
upstream_table apps { zone 1m; file apps.json; }
upstream backend { upstream_lookup apps $host; }
server { listen [::1]:$TEST_NGINX_RAND_PORT_1; location / { return 200 six; } }
server { listen unix:$TEST_NGINX_SERVROOT/b.sock; location / { return 200 "unix $request_uri"; } }
--- user_files
>>> ../conf/apps.json
{"six.test":  {"backends": ["http://[::1]:$TEST_NGINX_RAND_PORT_1"]},
 "unix.test": {"backends": ["http://unix:$TEST_NGINX_SERVROOT/b.sock"]},
 "obj.test":  {"backends": [{"url": "http://unix:$TEST_NGINX_SERVROOT/b.sock:"}]}}
--- config
location / { proxy_pass http://backend; add_header X-Addr $upstream_addr; }
--- request eval
["GET /", "GET /x", "GET /y"]
--- more_headers eval
["Host: six.test", "Host: unix.test", "Host: obj.test"]
--- response_body eval
["six", "unix /x", "unix /y"]
--- response_headers eval
['X-Addr: [::1]:$TEST_NGINX_RAND_PORT_1', 'X-Addr: unix:$TEST_NGINX_SERVROOT/b.sock', 'X-Addr: unix:$TEST_NGINX_SERVROOT/b.sock']

=== TEST 19: a backend's name is resolved when nginx starts
--- http_upstream: a
--- http_config
upstream_table apps { zone 1m; file apps.json; }
upstream backend { upstream_lookup apps $host; }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://localhost:$TEST_NGINX_PORT_A"]}}
--- config
location / { proxy_pass http://backend; }
--- request
GET /
--- more_headers
Host: a.test
--- response_body_like: ^name=a\n

=== TEST 20: a bare object, and one with unknown things below meta
--- http_upstream: a
--- http_config eval: $::Http
--- user_files
>>> ../conf/apps.json
{"a.test": {"meta": {"anything": [1, {"goes": null}]}, "keys": {"token": "secret"}, "backends": [{"url": "http://127.0.0.1:$TEST_NGINX_PORT_A/", "max_conns": 0, "slow_start": "0s"}]}}
--- config
location / { proxy_pass http://backend; }
--- request
GET /
--- more_headers
Host: a.test
--- response_body_like: ^name=a\n

=== TEST 21: an empty table
--- http_config eval: $::Http
--- user_files
>>> ../conf/apps.json
{"version": 1, "routes": {}}
--- config
location / { proxy_pass http://backend; }
--- request
GET /
--- error_code: 404
--- no_error_log
[warn]
[error]

=== TEST 22: no file at all
--- http_config
upstream_table apps { zone 1m; miss 503; }
upstream backend { upstream_lookup apps $host; }
--- config
location / { proxy_pass http://backend; }
--- request
GET /
--- error_code: 503

=== TEST 23: a route without backends is known and answers 502
--- http_config eval: $::Http
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": []}}
--- config
location / { proxy_pass http://backend; }
--- request
GET /
--- more_headers
Host: a.test
--- error_code: 502

=== TEST 24: a long route, as many backends as one may have
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval
">>> ../conf/apps.json\n" . '{"a.test": {"id": "' . "i" x 255 . '", "vars": {"v": "' . "w" x 1023 . '"}, "meta": {"m": "' . "n" x 1000 . '"}, "backends": [' .
'"http://127.0.0.1:$TEST_NGINX_PORT_A", ' x 255 . '"http://127.0.0.1:$TEST_NGINX_PORT_A"]}}'
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /"]
--- more_headers
Host: a.test
--- response_body_like eval
[qr/^name=a\n/, qr/^name=a\n.*X-Id: i{255}\r/s]

=== TEST 25: a name that does not resolve takes out its own backend only, and says so
--- http_upstream: a
--- http_config eval: $::Http
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://nobody.invalid:$TEST_NGINX_PORT_A", "http://127.0.0.1:$TEST_NGINX_PORT_A"]},
 "b.test": {"id": "b", "backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /", "GET /"]
--- more_headers eval
["Host: a.test", "Host: a.test", "Host: b.test"]
--- response_body_like eval
[qr/^name=a\n/, qr/^name=a\n/, qr/^name=a\n/]
--- error_log eval
qr{\[error\] .*upstream table "apps": file "\S+/conf/apps\.json": host not found "nobody\.invalid" \(.*\) at /a\.test/backends/0, this backend is left out}

=== TEST 26: a route all of whose backends are out is still a route
--- http_config eval: $::Http
--- user_files
>>> ../conf/apps.json
{"a.test": {"id": "shop", "backends": ["http://nobody.invalid:80"]}}
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /"]
--- more_headers eval
["Host: a.test", "Host: b.test"]
--- error_code eval
[502, 404]
