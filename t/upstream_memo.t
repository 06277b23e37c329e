# What a request has looked up counts for the upstream it was looked up for, and for no other.
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    upstream_table one { zone 1m; file one.json; }
    upstream_table two { zone 1m; file two.json; }
    upstream first { upstream_lookup one $host; }
    upstream second { upstream_lookup two $host; }
_EOC_

# The host has a dead backend in one table, and another one in the other.
our $Tables = <<'_EOC_';
>>> ../conf/one.json
{"a.test": {"id": "dead", "backends": ["http://127.0.0.1:$TEST_NGINX_RAND_PORT_1"]},
 "b.test": {"id": "alive", "backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
>>> ../conf/two.json
{"a.test": {"id": "spare", "backends": ["http://127.0.0.1:$TEST_NGINX_PORT_B"]},
 "b.test": {"id": "spare", "backends": ["http://127.0.0.1:$TEST_NGINX_PORT_B"]}}
_EOC_

run_tests();

__DATA__

=== TEST 1: a variable read between two upstreams does not carry the first one's route over
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Tables
--- config
error_page 502 503 = @spare;
location / { proxy_pass http://first; }
location @spare {
    set $seen "[$upstream_lookup_id]";
    if ($upstream_lookup_result = miss) { return 500; }
    add_header X-Seen $seen always;
    proxy_set_header X-Id $upstream_lookup_id;
    proxy_pass http://second;
}
--- request
GET /
--- more_headers
Host: a.test
--- response_headers
X-Backend: b
X-Seen: [dead]
--- response_body_like: X-Id: spare

=== TEST 2: nor with `proxy_pass` to a variable, nor by error_page to an URI
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Tables
--- config
error_page 502 /spare;
location / { set $up first; proxy_pass http://$up; }
location = /spare {
    set $seen "[$upstream_lookup_key]";
    add_header X-Seen $seen always;
    set $up second;
    proxy_set_header X-Id $upstream_lookup_id;
    proxy_pass http://$up;
}
--- request
GET /
--- more_headers
Host: a.test
--- error_code: 502
--- response_headers
X-Backend: b
X-Seen: [a.test]
--- response_body_like: X-Id: spare

=== TEST 3: where the request goes on without an upstream, the last lookup is shown
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Tables
--- config
error_page 502 = @plain;
location / { proxy_pass http://first; }
location @plain { return 200 "[$upstream_lookup_id|$upstream_lookup_key|$upstream_lookup_result]"; }
--- request
GET /
--- more_headers
Host: a.test
--- response_body: [dead|a.test|exact]

=== TEST 4: the same location once more, with another key
--- http_upstream: a, b
--- http_config
upstream_table one { zone 1m; file one.json; }
upstream first { upstream_lookup one $key; }
--- user_files eval: $::Tables
--- config
set $key a.test;
error_page 502 /again;
location / {
    set $seen "[$upstream_lookup_id]";
    if ($uri = /again) { set $key b.test; }
    add_header X-Seen $seen always;
    proxy_set_header X-Id $upstream_lookup_id;
    proxy_pass http://first;
}
--- request
GET /
--- error_code: 502
--- response_headers
X-Backend: a
--- response_body_like: X-Id: alive

=== TEST 5: a cache hit in one location does not hide the route of the next
--- http_upstream: a, b
--- http_config eval
$::Http . '
proxy_cache_path cache keys_zone=c:1m;
server { listen 127.0.0.1:$TEST_NGINX_RAND_PORT_2; location / { return 404 no; } }'
--- user_files eval: $::Tables
--- config
location / {
    proxy_cache c; proxy_cache_valid any 1m; proxy_intercept_errors on;
    error_page 404 = @spare;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_2;
}
location @spare {
    proxy_set_header X-Id $upstream_lookup_id;
    proxy_pass http://second;
}
--- request eval
["GET /", "GET /"]
--- more_headers
Host: a.test
--- response_body_like eval
[qr/X-Id: spare/, qr/X-Id: spare/]

=== TEST 6: a digest is that of the text it is read with
--- http_config
md5_hash $hash $uri;
--- config
set $early $hash;
rewrite ^/a$ /b last;
location /b { return 200 "$early $hash"; }
--- request
GET /a
--- response_body: 0639767f3e9eaad729b54037a7e2abf5 97aa0bb188b55dc66927a8de59418743

=== TEST 7: an error page looks nothing up with the upstream it has not chosen
--- http_upstream: a
--- http_config
upstream_table one { zone 1m; match exact; file paths.json; }
upstream first { upstream_lookup one $uri; }
--- user_files
>>> ../conf/paths.json
{"/x":     {"id": "asked", "backends": ["http://127.0.0.1:$TEST_NGINX_RAND_PORT_1"]},
 "/sorry": {"id": "page",  "backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
--- config
error_page 502 /sorry;
location / { proxy_pass http://first; }
location = /sorry { return 200 "[$upstream_lookup_id|$upstream_lookup_key]"; }
--- request
GET /x
--- error_code: 502
--- response_body: [asked|/x]
