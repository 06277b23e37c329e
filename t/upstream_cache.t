# One upstream for every host, and nginx's cache: an answer of one host must never serve another.
use Test::Nginx::Socket 'no_plan';

our $Cache = <<'_EOC_';
    proxy_cache_path cache keys_zone=c:1m;
    proxy_cache c;
    proxy_cache_valid any 1m;
    proxy_set_header Host $host;
    add_header X-Cache $upstream_cache_status always;
    add_header X-Result "[$upstream_lookup_result]" always;
_EOC_

our $Http = $::Cache . <<'_EOC_';
    upstream_table apps { zone 1m; file apps.json; }
    upstream backend { upstream_lookup apps $host; }
_EOC_

our $Apps = <<'_EOC_';
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]},
 "b.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_B"]},
 "back":   {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]},
 "v1":     {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
_EOC_

# Names that contain one another, or words that stand in any cache key.
our $Tenants = <<'_EOC_';
>>> ../conf/apps.json
{"shop.test":   {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]},
 "myshop.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_B"]},
 "hop.test":    {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_B"]},
 "get":         {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]},
 "http":        {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_B"]}}
_EOC_

run_tests();

__DATA__

=== TEST 1: the default key, the same for every host: each host has its own entries all the same
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /x", "GET /x", "GET /x", "GET /x", "GET /y"]
--- more_headers eval
["Host: a.test", "Host: b.test", "Host: a.test", "Host: b.test:80", "Host: b.test"]
--- response_headers eval
["X-Cache: MISS\nX-Backend: a", "X-Cache: MISS\nX-Backend: b", "X-Cache: HIT\nX-Backend: a", "X-Cache: HIT\nX-Backend: b", "X-Cache: MISS\nX-Backend: b"]
--- no_error_log
[warn]

=== TEST 2: a key with the host: each host has its own copy
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
proxy_cache_key $scheme$host$request_uri;
location / { proxy_pass http://backend; }
--- request eval
["GET /x", "GET /x", "GET /x", "GET /x", "GET /x?y"]
--- more_headers eval
["Host: a.test", "Host: b.test", "Host: a.test", "Host: b.test", "Host: a.test"]
--- response_headers eval
["X-Cache: MISS\nX-Backend: a\nX-Result: [exact]", "X-Cache: MISS\nX-Backend: b\nX-Result: [exact]", "X-Cache: HIT\nX-Backend: a\nX-Result: []", "X-Cache: HIT\nX-Backend: b\nX-Result: []", "X-Cache: MISS\nX-Backend: a"]
--- no_error_log
[warn]

=== TEST 3: a tenant's page never comes to lie under another tenant's key
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Tenants
--- config
location / { proxy_cache_key $scheme$http_host$request_uri; proxy_pass http://backend; }
location /method { proxy_cache_key $request_method$uri; proxy_pass http://backend; }
location /arg { proxy_cache_key $uri$arg_x; proxy_pass http://backend; }
--- request eval
["GET http://shop.test/index", "GET /index", "GET http://shop.test/index", "GET /method", "GET /method", "GET /arg?x=hop.test", "GET /arg?x=hop.test"]
--- more_headers eval
["Host: myshop.test", "Host: myshop.test", "Host: myshop.test", "Host: get", "Host: http", "Host: get", "Host: hop.test"]
--- response_headers eval
["X-Cache: MISS\nX-Backend: a", "X-Cache: MISS\nX-Backend: b", "X-Cache: HIT\nX-Backend: a",
 "X-Cache: MISS\nX-Backend: a", "X-Cache: MISS\nX-Backend: b",
 "X-Cache: MISS\nX-Backend: a", "X-Cache: MISS\nX-Backend: b"]

=== TEST 4: a path with the host in it is stored when the key has the host besides
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { proxy_cache_key $scheme$host$request_uri; proxy_pass http://backend; }
location /parts { proxy_cache_key $host$uri$is_args$args; proxy_pass http://backend; }
location /last { proxy_cache_key $request_uri|$http_host; proxy_pass http://backend; }
--- request eval
["GET /a.test?a.test", "GET /a.test?a.test", "GET /parts?a.test", "GET /parts?a.test", "GET /last/a.test", "GET /last/a.test"]
--- more_headers
Host: a.test
--- response_headers eval
["X-Cache: MISS", "X-Cache: HIT", "X-Cache: MISS", "X-Cache: HIT", "X-Cache: MISS", "X-Cache: HIT"]
--- no_error_log
[warn]

=== TEST 5: keys of any bytes (match exact): what looks like another key's beginning is none
--- http_upstream: a, b
--- http_config eval
$::Cache . '
upstream_table apps { zone 1m; match exact; file apps.json; }
upstream backend { upstream_lookup apps $arg_k; server 127.0.0.1:$TEST_NGINX_PORT_B; }'
--- user_files
>>> ../conf/apps.json
{"k/1": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
--- config
location / { proxy_cache_key $arg_rest; proxy_pass http://backend; }
--- request eval
["GET /?k=k/1&rest=2/x", "GET /?k=k/1/2&rest=x", "GET /?k=k&rest=1/2/x", "GET /?k=&rest=k/1/2/x", "GET /?k=k/1&rest=2/x"]
--- response_headers eval
["X-Cache: MISS\nX-Backend: a", "X-Cache: MISS\nX-Backend: b", "X-Cache: MISS\nX-Backend: b", "X-Cache: MISS\nX-Backend: b", "X-Cache: HIT\nX-Backend: a"]

=== TEST 6: a host that is part of the upstream's name is stored when the key has it
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { proxy_cache_key $scheme$host$request_uri; proxy_pass http://backend; }
--- request eval
["GET /", "GET /"]
--- more_headers
Host: back
--- response_headers eval
["X-Cache: MISS", "X-Cache: HIT"]

=== TEST 7: the fallback's answers do not serve a routed host
--- http_upstream: a, b
--- http_config eval
$::Cache . '
upstream_table apps { zone 1m; file apps.json; }
upstream backend { upstream_lookup apps $host; server 127.0.0.1:$TEST_NGINX_PORT_B; }'
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
--- config
location / { proxy_pass http://backend; }
location /good { proxy_cache_key $host$request_uri; proxy_pass http://backend; }
--- request eval
["GET /x", "GET /x", "GET /good", "GET /good", "GET /good"]
--- more_headers eval
["Host: other.test", "Host: a.test", "Host: other.test", "Host: a.test", "Host: other.test"]
--- response_headers eval
["X-Cache: MISS\nX-Backend: b", "X-Cache: MISS\nX-Backend: a", "X-Cache: MISS\nX-Backend: b", "X-Cache: MISS\nX-Backend: a", "X-Cache: HIT\nX-Backend: b"]

=== TEST 8: inside pages (SSI): each part of its own host
--- http_upstream: a, b
--- http_config eval
$::Cache . '
upstream_table apps { zone 1m; file apps.json; }
upstream backend { upstream_lookup apps $arg_h; }'
--- user_files eval
$::Apps . '>>> page.html
<!--#include virtual="/app?h=a.test" --><!--#include virtual="/app?h=b.test" --><!--#include virtual="/app?h=a.test" -->end
'
--- config
location / { ssi on; }
location /app { proxy_cache_key "$arg_h|$uri"; proxy_pass http://backend; }
--- request eval
["GET /page.html", "GET /page.html"]
--- response_body_like eval
[qr/^name=a\n.*name=b\n.*name=a\n.*end\n$/s, qr/^name=a\n.*name=b\n.*name=a\n.*end\n$/s]
--- no_error_log
[error]

=== TEST 9: slices
# requires http_slice_module, which every tested nginx has.
--- http_config eval
$::Cache . '
upstream_table apps { zone 1m; file apps.json; }
upstream backend { upstream_lookup apps $host; }
server { listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1; location / { root html/one; } }
server { listen 127.0.0.1:$TEST_NGINX_RAND_PORT_2; location / { root html/two; } }'
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_RAND_PORT_1"]},
 "b.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_RAND_PORT_2"]}}
>>> one/f.txt
aaaaaaaaaabbbbbbbbbbcccccccccc
>>> two/f.txt
dddddddddd----------ffffffffff
--- config
location / {
    slice 10;
    proxy_cache_key $host$uri$slice_range;
    proxy_set_header Range $slice_range;
    proxy_cache_valid 200 206 1h;
    proxy_pass http://backend;
}
--- request eval
["GET /f.txt", "GET /f.txt", "GET /f.txt", "GET /f.txt"]
--- more_headers eval
["Host: a.test", "Host: b.test", "Host: a.test", "Host: b.test"]
--- response_body eval
["aaaaaaaaaabbbbbbbbbbcccccccccc\n", "dddddddddd----------ffffffffff\n", "aaaaaaaaaabbbbbbbbbbcccccccccc\n", "dddddddddd----------ffffffffff\n"]
--- response_headers eval
["X-Cache: MISS", "X-Cache: MISS", "X-Cache: HIT", "X-Cache: HIT"]
--- no_error_log
[warn]
[error]

=== TEST 10: a stale answer is the host's own
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]},
 "b.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_RAND_PORT_1"]}}
--- config
proxy_cache_key $scheme$host$request_uri;
proxy_cache_use_stale error;
location / { proxy_pass http://backend; }
--- request eval
["GET /x", "GET /x"]
--- more_headers eval
["Host: a.test", "Host: b.test"]
--- error_code eval
[200, 502]

=== TEST 11: on a hit nothing was looked up, also when the cache key or the access log asked before
--- http_upstream: a, b
--- http_config eval
$::Http . 'log_format found "$request_uri $upstream_cache_status [$upstream_lookup_result][$upstream_lookup_key][$upstream_lookup_id]";'
--- user_files
>>> ../conf/apps.json
{"a.test": {"id": "shop", "backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
--- config
proxy_cache_key $scheme$upstream_lookup_key$request_uri;
access_log logs/access.log found;
location / { proxy_pass http://backend; }
--- request eval
["GET /x", "GET /x"]
--- more_headers
Host: a.test
--- response_headers eval
["X-Cache: MISS\nX-Result: [exact]", "X-Cache: HIT\nX-Result: []"]
--- access_log
/x MISS [exact][a.test][shop]
/x HIT [-][-][-]

=== TEST 12: a key too long for nginx's buffer is not used at all
--- http_upstream: a
--- http_config
proxy_cache_path cache keys_zone=c:1m;
proxy_cache c;
proxy_cache_valid any 1m;
proxy_buffer_size 1k;
add_header X-Cache $upstream_cache_status always;
upstream_table apps { zone 1m; match exact; file apps.json; }
upstream backend { upstream_lookup apps $arg_k; server 127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files
>>> ../conf/apps.json
{}
--- config
location / { proxy_cache_key $arg_k; proxy_pass http://backend/x; }
--- request eval
["GET /?k=" . ("k" x 380), "GET /?k=" . ("k" x 380), "GET /?k=" . ("k" x 200), "GET /?k=" . ("k" x 200)]
--- response_headers eval
["X-Cache: BYPASS", "X-Cache: BYPASS", "X-Cache: MISS", "X-Cache: HIT"]
--- error_log
[error]
is too small for the cache key with the key of "upstream_lookup"

=== TEST 13: two tables know one host: what one upstream stored is not the other's
--- http_upstream: a, b
--- http_config eval
$::Http . '
upstream_table other { zone 1m; file other.json; }
upstream backend2 { upstream_lookup other $host; }'
--- user_files eval
$::Apps . '>>> ../conf/other.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_B"]}}
'
--- config
proxy_cache_key $host;
location /1 { proxy_pass http://backend; }
location /2 { proxy_pass http://backend2; }
--- request eval
["GET /1", "GET /2", "GET /1", "GET /2"]
--- more_headers
Host: a.test
--- response_headers eval
["X-Cache: MISS\nX-Backend: a", "X-Cache: MISS\nX-Backend: b", "X-Cache: HIT\nX-Backend: a", "X-Cache: HIT\nX-Backend: b"]

=== TEST 14: what another table's upstream answers, after this one's could not, is that table's entry
--- http_upstream: a
--- http_config eval
$::Cache . <<'_EOC_'
upstream_table one { zone 1m; file dead.json; }
upstream_table two { zone 1m; file apps.json; }
upstream first { upstream_lookup one $host; }
upstream second { upstream_lookup two $host; }
proxy_cache_key k;
_EOC_
--- user_files
>>> ../conf/dead.json
{"a.test": {"backends": ["http://127.0.0.1:1"]}}
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
--- config
location /one { proxy_pass http://first; error_page 502 = @two; }
location @two { proxy_pass http://second; }
location /two { proxy_pass http://second; }
--- request eval
["GET /one", "GET /two", "GET /one"]
--- more_headers
Host: a.test
--- response_headers eval
["X-Cache: MISS\nX-Backend: a", "X-Cache: HIT\nX-Backend: a", "X-Cache: HIT\nX-Backend: a"]
