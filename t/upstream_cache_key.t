# The part of a cache key that tells routes apart: no other key looks like it.
use Test::Nginx::Socket 'no_plan';

our $Cache = 'proxy_cache_path cache keys_zone=c:1m; proxy_cache_valid any 1m; proxy_cache_key $host$request_uri; add_header X-Cache $upstream_cache_status always; add_header X-Backend2 $upstream_addr;';
our $A = 'proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A;';
our $B = 'proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_B;';

run_tests();

__DATA__

=== TEST 1: a request without a lookup writes no tenant's entry
--- http_upstream: a, b
--- http_config eval
$::Cache . 'upstream_table apps { zone 1m; file apps.json; } upstream backend { upstream_lookup apps $host; }
server { listen 127.0.0.1:$TEST_NGINX_SERVER_PORT; server_name shop.test; proxy_cache c; location / { proxy_pass http://backend; } }'
--- user_files
>>> ../conf/apps.json
{"shop.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
--- config
server_name apps;
proxy_cache c;
location / { proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_B; }
--- request eval
["GET /9/shop.test/shop.test/index", "GET /index"]
--- more_headers eval
["Host: apps", "Host: shop.test"]
--- response_body_like eval
["name=b", "name=a"]

=== TEST 2: nor does it read one
--- http_upstream: a, b
--- http_config eval
$::Cache . 'upstream_table apps { zone 1m; file apps.json; } upstream backend { upstream_lookup apps $host; }
server { listen 127.0.0.1:$TEST_NGINX_SERVER_PORT; server_name shop.test; proxy_cache c; location / { proxy_pass http://backend; } }'
--- user_files
>>> ../conf/apps.json
{"shop.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
--- config
server_name apps;
proxy_cache c;
location / { proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_B; }
--- request eval
["GET /index", "GET /9/shop.test/shop.test/index"]
--- more_headers eval
["Host: shop.test", "Host: apps"]
--- response_body_like eval
["name=a", "name=b"]

=== TEST 3: names of tables with a slash in them
--- http_upstream: a, b
--- http_config eval
$::Cache . 'upstream_table t { zone 1m; match exact; file apps.json; } upstream_table t/1 { zone 1m; match exact; file b.json; } upstream b1 { upstream_lookup t $arg_k; } upstream b2 { upstream_lookup t/1 $arg_k; }'
--- user_files
>>> ../conf/apps.json
{"5": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
>>> ../conf/b.json
{"abcde": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_B"]}}
>>> ../conf/key
key-one
--- config
location / { proxy_cache c; proxy_cache_key $arg_r;  proxy_pass http://b1; }
location /2 { proxy_cache c; proxy_cache_key $arg_r;  proxy_pass http://b2; }
--- request eval
["GET /?k=5&r=abcde/x", "GET /2?k=abcde&r=x"]
--- response_headers eval
["X-Cache: MISS\nX-Backend: a", "X-Cache: MISS\nX-Backend: b"]
