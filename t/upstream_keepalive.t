# Idle connections to backends: kept by nginx's own keepalive, shared by the hosts that share a backend.
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    upstream_table apps { zone 1m; file apps.json; passive fails=0; }
    upstream backend { upstream_lookup apps $host; keepalive 4; }
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
_EOC_

our $Apps = <<'_EOC_';
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]},
 "b.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]},
 "c.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_B"]},
 "d.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A", "http://127.0.0.1:$TEST_NGINX_PORT_B"]}}
_EOC_

run_tests();

__DATA__

=== TEST 1: one connection serves all requests to a backend, whatever the host
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /", "GET /", "GET /", "GET /", "GET /accepts", "GET /accepts"]
--- more_headers eval
["Host: a.test", "Host: b.test", "Host: a.test", "Host: c.test", "Host: d.test", "Host: b.test", "Host: c.test"]
--- response_body_like eval
[qr/^name=a\n/, qr/^name=a\n/, qr/^name=a\n/, qr/^name=b\n/, qr/^name=/, qr/^name=a\naccepts=1\n/, qr/^name=b\naccepts=1\n/]

=== TEST 2: without keepalive each request has a connection of its own
--- skip_nginx: 3: >= 1.29.7
--- http_upstream: a, b
--- http_config
upstream_table apps { zone 1m; file apps.json; }
upstream backend { upstream_lookup apps $host; }
proxy_http_version 1.1;
proxy_set_header Connection "";
--- user_files eval: $::Apps
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /", "GET /accepts"]
--- more_headers
Host: a.test
--- response_body_like eval
[qr/^name=a\n/, qr/^name=a\n/, qr/^name=a\naccepts=3\n/]

=== TEST 3: with zone, and keepalive after other lines
--- http_upstream: a, b
--- http_config
upstream_table apps { zone 1m; file apps.json; }
upstream backend { zone backend 64k; upstream_lookup apps $host; keepalive 2; keepalive_timeout 10s; keepalive_requests 100; }
proxy_http_version 1.1;
proxy_set_header Connection "";
--- user_files eval: $::Apps
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /", "GET /none", "GET /accepts"]
--- more_headers eval
["Host: a.test", "Host: a.test", "Host: none.test", "Host: a.test"]
--- error_code eval
[200, 200, 404, 200]
--- response_body_like eval
[qr/^name=a\n/, qr/^name=a\n/, qr/404/, qr/^name=a\naccepts=1\n/]

=== TEST 4: misses and failures do not disturb idle connections
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /", "GET /close", "GET /", "GET /", "GET /accepts"]
--- more_headers eval
["Host: a.test", "Host: none.test", "Host: c.test", "Host: none.test", "Host: a.test", "Host: a.test"]
--- error_code eval
[200, 404, 502, 404, 200, 200]
--- response_body_like eval
[qr/^name=a\n/, qr/404/, qr/502/, qr/404/, qr/^name=a\n/, qr/accepts=1\n/]

=== TEST 5: an idle connection the backend has closed costs nobody an answer
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /close", "GET /", "GET /"]
--- more_headers
Host: a.test
--- error_code eval
[200, 502, 200, 200]

=== TEST 6: a backend that is alone is asked again when its kept connection was closed, as nginx's own
--- http_upstream: a, b
--- http_config eval
$::Http . 'upstream plain { server 127.0.0.1:$TEST_NGINX_PORT_B; keepalive 4; }'
--- user_files eval: $::Apps
--- config
add_header X-Addr $upstream_addr always;
location / { proxy_pass http://backend; }
location /plain/ { proxy_pass http://plain/; }
--- request eval
["GET /", "GET /close", "GET /plain/", "GET /plain/close"]
--- more_headers
Host: a.test
--- error_code eval
[200, 502, 200, 502]
--- response_headers eval
["X-Addr: 127.0.0.1:\$TEST_NGINX_PORT_A", "X-Addr: 127.0.0.1:\$TEST_NGINX_PORT_A, 127.0.0.1:\$TEST_NGINX_PORT_A",
 "X-Addr: 127.0.0.1:\$TEST_NGINX_PORT_B", "X-Addr: 127.0.0.1:\$TEST_NGINX_PORT_B, 127.0.0.1:\$TEST_NGINX_PORT_B"]
--- no_error_log
no live upstreams
