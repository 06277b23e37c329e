# A request that asks for another protocol keeps its lookup beside its pool: nothing else may differ.
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    upstream_table apps { zone 1m; file apps.json; }
    upstream backend { upstream_lookup apps $host; }
    server { listen [::1]:$TEST_NGINX_RAND_PORT_1; location / { return 200 "six $http_x_key"; } }
    server { listen unix:$TEST_NGINX_SERVROOT/b.sock; location / { return 200 "unix $http_x_key"; } }
_EOC_

our $Apps = <<'_EOC_';
>>> ../conf/apps.json
{"six.test":   {"backends": ["http://[::1]:$TEST_NGINX_RAND_PORT_1"]},
 "unix.test":  {"backends": ["http://unix:$TEST_NGINX_SERVROOT/b.sock"]},
 "four.test":  {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]},
 "next.test":  {"backends": ["http://127.0.0.1:$TEST_NGINX_RAND_PORT_2", {"url": "http://127.0.0.1:$TEST_NGINX_PORT_A", "backup": true}]},
 "dead.test":  {"backends": ["http://127.0.0.1:$TEST_NGINX_RAND_PORT_2"]},
 "large.test": {"id": "large", "meta": {"note": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
   "backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
_EOC_

our $Location = <<'_EOC_';
    location / {
        proxy_pass http://backend;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection upgrade;
        proxy_set_header X-Key $upstream_lookup_key;
        add_header X-Addr $upstream_addr;
    }
_EOC_

run_tests();

__DATA__

=== TEST 1: addresses of every kind, and the second try of a request
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config eval: $::Location
--- request eval
["GET /", "GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
["Upgrade: websocket\nHost: six.test", "Upgrade: websocket\nHost: unix.test", "Upgrade: websocket\nHost: four.test", "Upgrade: websocket\nHost: next.test", "Upgrade: websocket\nHost: large.test"]
--- response_body_like eval
['^six six\.test$', '^unix unix\.test$', '^name=a\n[^$]*X-Key: four\.test\r\n', '^name=a\n[^$]*X-Key: next\.test\r\n', '^name=a\n[^$]*X-Key: large\.test\r\n']
--- response_headers eval
['X-Addr: [::1]:$TEST_NGINX_RAND_PORT_1', 'X-Addr: unix:$TEST_NGINX_SERVROOT/b.sock', 'X-Addr: 127.0.0.1:$TEST_NGINX_PORT_A', 'X-Addr: 127.0.0.1:$TEST_NGINX_RAND_PORT_2, 127.0.0.1:$TEST_NGINX_PORT_A', 'X-Addr: 127.0.0.1:$TEST_NGINX_PORT_A']
--- no_error_log
[alert]
[emerg]

=== TEST 2: what was looked up is known after an internal redirect, and a miss is a miss
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config eval
$::Location . 'error_page 502 404 = @end; location @end { return 200 "[$upstream_lookup_key|$upstream_lookup_result]"; }'
--- request eval
["GET /", "GET /"]
--- more_headers eval
["Upgrade: websocket\nHost: dead.test", "Upgrade: websocket\nHost: none.test"]
--- response_body eval
["[dead.test|exact]", "[|miss]"]
