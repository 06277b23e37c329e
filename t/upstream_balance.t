# Choosing among a route's backends: weights, backups, retries, failures remembered.
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    upstream_table apps { zone 1m; file apps.json; }
    upstream backend { upstream_lookup apps $host; }
    proxy_set_header Host $host;
    add_header X-Tried $upstream_addr always;
    add_header X-Statuses $upstream_status always;
_EOC_

our $Weights = <<'_EOC_';
>>> ../conf/apps.json
{"a.test": {"backends": [{"url": "http://127.0.0.1:$TEST_NGINX_PORT_A", "weight": 5}, "http://127.0.0.1:$TEST_NGINX_PORT_B", "http://127.0.0.1:$TEST_NGINX_PORT_C"]}}
_EOC_

# The first backend refuses connections, the second answers.
our $OneDead = <<'_EOC_';
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_RAND_PORT_1", "http://127.0.0.1:$TEST_NGINX_PORT_A"]},
 "b.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_RAND_PORT_1", "http://127.0.0.1:$TEST_NGINX_PORT_B"]}}
_EOC_

run_tests();

__DATA__

=== TEST 1: smooth weighted round robin
--- http_upstream: a, b, c
--- http_config eval: $::Http
--- user_files eval: $::Weights
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /", "GET /", "GET /", "GET /", "GET /", "GET /", "GET /"]
--- more_headers
Host: a.test
--- response_headers eval
["X-Backend: a", "X-Backend: a", "X-Backend: b", "X-Backend: a", "X-Backend: c", "X-Backend: a", "X-Backend: a", "X-Backend: a"]

=== TEST 2: weights in the short form, each host with a sequence of its own
--- http_upstream: a, b, c
--- http_config eval: $::Http
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A#weight=2", "http://127.0.0.1:$TEST_NGINX_PORT_B"]},
 "b.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_B", "http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
["Host: a.test", "Host: b.test", "Host: a.test", "Host: b.test", "Host: a.test"]
--- response_headers eval
["X-Backend: a", "X-Backend: b", "X-Backend: b", "X-Backend: a", "X-Backend: a"]

=== TEST 3: two upstreams of one table share the sequence
--- http_upstream: a, b, c
--- http_config
upstream_table apps { zone 1m; file apps.json; }
upstream one { upstream_lookup apps $host; }
upstream two { upstream_lookup apps $host balance=round_robin; keepalive 4; }
--- user_files eval: $::Weights
--- config
location /1 { proxy_pass http://one; }
location /2 { proxy_pass http://two; }
--- request eval
["GET /1", "GET /2", "GET /1", "GET /2", "GET /1", "GET /2", "GET /1"]
--- more_headers
Host: a.test
--- response_headers eval
["X-Backend: a", "X-Backend: a", "X-Backend: b", "X-Backend: a", "X-Backend: c", "X-Backend: a", "X-Backend: a"]

=== TEST 4: a backup waits for the others to fail
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files
>>> ../conf/apps.json
{"up.test":   {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_B#backup=1", "http://127.0.0.1:$TEST_NGINX_PORT_A"]},
 "down.test": {"backends": [{"url": "http://127.0.0.1:$TEST_NGINX_PORT_B", "backup": true}, "http://127.0.0.1:$TEST_NGINX_RAND_PORT_1"]},
 "only.test": {"backends": [{"url": "http://127.0.0.1:$TEST_NGINX_PORT_B", "backup": true}]}}
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
["Host: up.test", "Host: up.test", "Host: down.test", "Host: down.test", "Host: only.test"]
--- response_headers eval
["X-Backend: a", "X-Backend: a", 'X-Tried: 127.0.0.1:$TEST_NGINX_RAND_PORT_1, 127.0.0.1:$TEST_NGINX_PORT_B', 'X-Tried: 127.0.0.1:$TEST_NGINX_PORT_B', "X-Backend: b"]
--- error_code eval
[200, 200, 200, 200, 200]

=== TEST 5: a drained backend gets nothing, one alone neither
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A#drain=1", "http://127.0.0.1:$TEST_NGINX_PORT_B"]},
 "b.test": {"backends": [{"url": "http://127.0.0.1:$TEST_NGINX_PORT_A", "drain": true}]}}
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
["Host: a.test", "Host: a.test", "Host: a.test", "Host: b.test"]
--- error_code eval
[200, 200, 200, 502]
--- response_headers eval
["X-Backend: b", "X-Backend: b", "X-Backend: b", "! X-Backend"]

=== TEST 6: a refused connection goes to the next, and is remembered by all routes
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files eval: $::OneDead
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
["Host: a.test", "Host: a.test", "Host: b.test", "Host: b.test"]
--- response_headers eval
['X-Tried: 127.0.0.1:$TEST_NGINX_RAND_PORT_1, 127.0.0.1:$TEST_NGINX_PORT_A', 'X-Tried: 127.0.0.1:$TEST_NGINX_PORT_A', 'X-Tried: 127.0.0.1:$TEST_NGINX_PORT_B', 'X-Tried: 127.0.0.1:$TEST_NGINX_PORT_B']
--- error_code eval
[200, 200, 200, 200]
--- error_log
upstream server temporarily disabled

=== TEST 7: fails=0 never takes a backend out
--- http_upstream: a, b
--- http_config
upstream_table apps { zone 1m; file apps.json; passive fails=0; }
upstream backend { upstream_lookup apps $host; }
add_header X-Tried $upstream_addr always;
--- user_files eval: $::OneDead
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /", "GET /"]
--- more_headers
Host: a.test
--- response_headers eval
['X-Tried: 127.0.0.1:$TEST_NGINX_RAND_PORT_1, 127.0.0.1:$TEST_NGINX_PORT_A', 'X-Tried: 127.0.0.1:$TEST_NGINX_PORT_A', 'X-Tried: 127.0.0.1:$TEST_NGINX_RAND_PORT_1, 127.0.0.1:$TEST_NGINX_PORT_A']
--- no_error_log
temporarily disabled

=== TEST 8: fails=2 takes it out after the second failure
--- http_upstream: a, b
--- http_config
upstream_table apps { zone 1m; file apps.json; passive fails=2 window=1m; }
upstream backend { upstream_lookup apps $host; }
add_header X-Tried $upstream_addr always;
--- user_files eval: $::OneDead
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /", "GET /", "GET /", "GET /"]
--- more_headers
Host: a.test
--- response_headers eval
['X-Tried: 127.0.0.1:$TEST_NGINX_RAND_PORT_1, 127.0.0.1:$TEST_NGINX_PORT_A', 'X-Tried: 127.0.0.1:$TEST_NGINX_PORT_A', 'X-Tried: 127.0.0.1:$TEST_NGINX_RAND_PORT_1, 127.0.0.1:$TEST_NGINX_PORT_A', 'X-Tried: 127.0.0.1:$TEST_NGINX_PORT_A', 'X-Tried: 127.0.0.1:$TEST_NGINX_PORT_A']

=== TEST 9: after the window a backend is tried again
--- http_upstream: a, b
--- http_config
upstream_table apps { zone 1m; file apps.json; passive window=200ms; }
upstream backend { upstream_lookup apps $host; }
add_header X-Tried $upstream_addr always;
--- user_files eval: $::OneDead
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /", [{value => "GET /", delay_before => 0.5}], "GET /"]
--- more_headers
Host: a.test
--- response_headers eval
['X-Tried: 127.0.0.1:$TEST_NGINX_RAND_PORT_1, 127.0.0.1:$TEST_NGINX_PORT_A', 'X-Tried: 127.0.0.1:$TEST_NGINX_PORT_A', 'X-Tried: 127.0.0.1:$TEST_NGINX_PORT_A', 'X-Tried: 127.0.0.1:$TEST_NGINX_RAND_PORT_1, 127.0.0.1:$TEST_NGINX_PORT_A']

=== TEST 10: one backend alone is never taken out
--- http_upstream: a
--- http_config eval: $::Http
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /close", "GET /close", "GET /ok"]
--- more_headers
Host: a.test
--- error_code eval
[502, 502, 200]
--- response_headers eval
['X-Tried: 127.0.0.1:$TEST_NGINX_PORT_A', 'X-Tried: 127.0.0.1:$TEST_NGINX_PORT_A', 'X-Tried: 127.0.0.1:$TEST_NGINX_PORT_A']

=== TEST 11: a lone backend out elsewhere still serves its own route
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files
>>> ../conf/apps.json
{"two.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A", "http://127.0.0.1:$TEST_NGINX_PORT_B"]},
 "one.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /close", "GET /", "GET /", "GET /"]
--- more_headers eval
["Host: one.test", "Host: two.test", "Host: two.test", "Host: one.test"]
--- error_code eval
[502, 200, 200, 200]
--- response_headers eval
["! X-Backend", "X-Backend: b", "X-Backend: b", "X-Backend: a"]

=== TEST 12: all down: 502, each tried once, then nobody is left
--- http_config eval: $::Http
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_RAND_PORT_1", "http://127.0.0.1:$TEST_NGINX_RAND_PORT_2"]}}
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /"]
--- more_headers
Host: a.test
--- error_code eval
[502, 502]
--- response_headers eval
['X-Tried: 127.0.0.1:$TEST_NGINX_RAND_PORT_1, 127.0.0.1:$TEST_NGINX_RAND_PORT_2', '! X-Backend']
--- error_log eval
qr{no live upstreams while connecting to upstream, .*, upstream: "http://backend/",}

=== TEST 13: a status is a reason to try the next only when asked
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A", "http://127.0.0.1:$TEST_NGINX_PORT_B"]}}
--- config
location / { proxy_pass http://backend; }
location /status/503/next { proxy_next_upstream http_503; proxy_pass http://backend; }
--- request eval
["GET /status/503", "GET /status/503/next", "GET /"]
--- more_headers
Host: a.test
--- error_code eval
[503, 503, 200]
--- response_headers eval
['X-Tried: 127.0.0.1:$TEST_NGINX_PORT_A', 'X-Tried: 127.0.0.1:$TEST_NGINX_PORT_B, 127.0.0.1:$TEST_NGINX_PORT_A', 'X-Tried: 127.0.0.1:$TEST_NGINX_PORT_A']

=== TEST 14: proxy_next_upstream http_404 moves on without a mark
--- http_upstream: a, b
--- http_config eval: $::Http
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A", "http://127.0.0.1:$TEST_NGINX_PORT_B"]}}
--- config
location / { proxy_next_upstream http_404; proxy_pass http://backend; }
--- request eval
["GET /status/404", "GET /", "GET /"]
--- more_headers
Host: a.test
--- error_code eval
[404, 200, 200]
--- response_headers eval
['X-Tried: 127.0.0.1:$TEST_NGINX_PORT_A, 127.0.0.1:$TEST_NGINX_PORT_B', 'X-Backend: b', 'X-Backend: a']

=== TEST 15: a POST that may have arrived is not sent twice, unless allowed
--- http_upstream: a, b
--- http_config
upstream_table apps { zone 1m; file apps.json; passive fails=0; }
upstream backend { upstream_lookup apps $host; }
add_header X-Tried $upstream_addr always;
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A", "http://127.0.0.1:$TEST_NGINX_PORT_B"]}}
--- config
location / { proxy_pass http://backend/close; }
location /twice { proxy_next_upstream error non_idempotent; proxy_pass http://backend/close; }
--- request eval
["POST /\nbody", "POST /twice\nbody", "GET /"]
--- more_headers
Host: a.test
--- error_code eval
[502, 502, 502]
--- response_headers eval
['X-Tried: 127.0.0.1:$TEST_NGINX_PORT_A', 'X-Tried: 127.0.0.1:$TEST_NGINX_PORT_B, 127.0.0.1:$TEST_NGINX_PORT_A', 'X-Tried: 127.0.0.1:$TEST_NGINX_PORT_A, 127.0.0.1:$TEST_NGINX_PORT_B']

=== TEST 16: proxy_next_upstream_tries and off
--- http_upstream: a
--- http_config
upstream_table apps { zone 1m; file apps.json; passive fails=0; }
upstream backend { upstream_lookup apps $host; }
add_header X-Tried $upstream_addr always;
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_RAND_PORT_1", "http://127.0.0.1:$TEST_NGINX_RAND_PORT_2", "http://127.0.0.1:$TEST_NGINX_RAND_PORT_3", "http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
--- config
location /two { proxy_next_upstream_tries 2; proxy_pass http://backend; }
location /off { proxy_next_upstream off; proxy_pass http://backend; }
location /all { proxy_pass http://backend; }
--- request eval
["GET /two", "GET /off", "GET /all"]
--- more_headers
Host: a.test
--- error_code eval
[502, 502, 200]
--- response_headers eval
['X-Tried: 127.0.0.1:$TEST_NGINX_RAND_PORT_1, 127.0.0.1:$TEST_NGINX_RAND_PORT_2', 'X-Tried: 127.0.0.1:$TEST_NGINX_RAND_PORT_3', 'X-Tried: 127.0.0.1:$TEST_NGINX_PORT_A']

=== TEST 17: server lines serve a miss, wherever they stand
--- http_upstream: a, b
--- http_config
upstream_table apps { zone 1m; file apps.json; }
upstream before { server 127.0.0.1:$TEST_NGINX_PORT_B; upstream_lookup apps $host; }
upstream after { upstream_lookup apps $host; server 127.0.0.1:$TEST_NGINX_PORT_B; }
upstream backups { upstream_lookup apps $host; server 127.0.0.1:$TEST_NGINX_PORT_B backup; }
upstream zoned { zone zoned 64k; upstream_lookup apps $host; server 127.0.0.1:$TEST_NGINX_PORT_B; keepalive 2; }
add_header X-Result $upstream_lookup_result;
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
--- config
location /1 { proxy_pass http://before; }
location /2 { proxy_pass http://after; }
location /3 { proxy_pass http://backups; }
location /4 { proxy_pass http://zoned; }
--- request eval
["GET /1", "GET /1", "GET /2", "GET /2", "GET /3", "GET /3", "GET /4", "GET /4"]
--- more_headers eval
["Host: a.test", "Host: b.test", "Host: a.test", "Host: b.test", "Host: a.test", "Host: b.test", "Host: a.test", "Host: b.test"]
--- response_headers eval
["X-Backend: a\nX-Result: exact", "X-Backend: b\nX-Result: miss", "X-Backend: a", "X-Backend: b", "X-Backend: a", "X-Backend: b", "X-Backend: a", "X-Backend: b"]

=== TEST 18: one fallback server alone is never taken out, as without the table
--- http_upstream: a
--- http_config
upstream_table apps { zone 1m; }
upstream backend { upstream_lookup apps $host; server 127.0.0.1:$TEST_NGINX_PORT_A; }
upstream zoned { zone z 64k; server 127.0.0.1:$TEST_NGINX_PORT_A; upstream_lookup apps $host; }
add_header X-Tried $upstream_addr always;
--- config
location / { proxy_pass http://backend; }
location /zoned/ { proxy_pass http://zoned/; }
--- request eval
["GET /close", "GET /close", "GET /ok", "GET /zoned/close", "GET /zoned/ok"]
--- error_code eval
[502, 502, 200, 502, 200]
--- response_headers eval
['X-Tried: 127.0.0.1:$TEST_NGINX_PORT_A', 'X-Tried: 127.0.0.1:$TEST_NGINX_PORT_A', 'X-Backend: a', 'X-Tried: 127.0.0.1:$TEST_NGINX_PORT_A', 'X-Backend: a']

=== TEST 19: fallback servers with weights, failures and the down mark keep nginx's rules
--- http_upstream: a, b
--- http_config
upstream_table apps { zone 1m; }
upstream backend {
    upstream_lookup apps $host;
    server 127.0.0.1:$TEST_NGINX_PORT_A weight=2;
    server 127.0.0.1:$TEST_NGINX_RAND_PORT_1 down;
    server 127.0.0.1:$TEST_NGINX_PORT_B;
}
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /", "GET /", "GET /close", "GET /"]
--- error_code eval
[200, 200, 200, 502, 502]
--- response_headers eval
["X-Backend: a", "X-Backend: b", "X-Backend: a", "! X-Backend", "! X-Backend"]

=== TEST 20: all workers share weights and marks
--- http_upstream: a, b, c
--- main_config
worker_processes 4;
--- http_config eval: $::Http
--- user_files eval: $::Weights
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /", "GET /", "GET /", "GET /", "GET /", "GET /", "GET /"]
--- more_headers
Host: a.test
--- response_headers eval
["X-Backend: a", "X-Backend: a", "X-Backend: b", "X-Backend: a", "X-Backend: c", "X-Backend: a", "X-Backend: a", "X-Backend: a"]

=== TEST 21: least_conn: backends without a request take turns
--- http_upstream: a, b
--- http_config
upstream_table apps { zone 1m; file apps.json; passive fails=0; }
upstream backend { upstream_lookup apps $host balance=least_conn; }
proxy_set_header Host $host;
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A", "http://127.0.0.1:$TEST_NGINX_PORT_B"]}}
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /", "GET /", "GET /"]
--- more_headers
Host: a.test
--- response_headers eval
["X-Backend: a", "X-Backend: b", "X-Backend: a", "X-Backend: b"]

=== TEST 22: least_conn with weights, a backup and a drained backend
--- http_upstream: a, b, c
--- http_config
upstream_table apps { zone 1m; file apps.json; }
upstream backend { upstream_lookup apps $host balance=least_conn; keepalive 4; }
proxy_set_header Host $host;
add_header X-Tried $upstream_addr always;
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_C#drain=1", "http://127.0.0.1:$TEST_NGINX_PORT_A#weight=2", "http://127.0.0.1:$TEST_NGINX_PORT_B"]},
 "dead.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_C#backup=1", "http://127.0.0.1:$TEST_NGINX_RAND_PORT_1"]}}
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
["Host: a.test", "Host: a.test", "Host: a.test", "Host: dead.test"]
--- response_headers eval
["X-Backend: a", "X-Backend: b", "X-Backend: a", 'X-Tried: 127.0.0.1:$TEST_NGINX_RAND_PORT_1, 127.0.0.1:$TEST_NGINX_PORT_C']

=== TEST 23: hash: a dead backend's keys go to others, requests without a key take turns
--- http_upstream: a, b, c
--- http_config
upstream_table apps { zone 1m; file apps.json; passive fails=0; }
upstream backend { upstream_lookup apps $host balance=hash hash_key=$arg_k$http_x_nothing; }
proxy_set_header Host $host;
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A", "http://127.0.0.1:$TEST_NGINX_PORT_B", "http://127.0.0.1:$TEST_NGINX_RAND_PORT_1"]},
 "one.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_C"]},
 "turns.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A", "http://127.0.0.1:$TEST_NGINX_PORT_B"]}}
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /?k=1", "GET /?k=2", "GET /?k=3", "GET /?k=4", "GET /?k=1", "GET /", "GET /"]
--- more_headers eval
["Host: a.test", "Host: a.test", "Host: a.test", "Host: a.test", "Host: one.test", "Host: turns.test", "Host: turns.test"]
--- error_code eval
[200, 200, 200, 200, 200, 200, 200]
--- response_headers eval
["! X-None", "! X-None", "! X-None", "! X-None", "X-Backend: c", "X-Backend: a", "X-Backend: b"]

=== TEST 24: p2c serves, and passes a dead backend by
--- http_upstream: a, b
--- http_config
upstream_table apps { zone 1m; file apps.json; passive fails=1; }
upstream backend { upstream_lookup apps $host balance=p2c; keepalive 4; }
proxy_set_header Host $host;
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A#weight=300", "http://127.0.0.1:$TEST_NGINX_RAND_PORT_1", "http://127.0.0.1:$TEST_NGINX_RAND_PORT_2"]}}
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /", "GET /", "GET /", "GET /", "GET /"]
--- more_headers
Host: a.test
--- response_headers eval
["X-Backend: a", "X-Backend: a", "X-Backend: a", "X-Backend: a", "X-Backend: a", "X-Backend: a"]

=== TEST 25: a server of the block may have every parameter
--- http_upstream: a, b
--- http_config
upstream_table apps { zone 1m; }
upstream backend {
    upstream_lookup apps $host;
    server 127.0.0.1:$TEST_NGINX_PORT_A weight=2 max_conns=5 max_fails=2 fail_timeout=20s;
    server 127.0.0.1:$TEST_NGINX_PORT_B backup;
    server 127.0.0.1:$TEST_NGINX_RAND_PORT_1 down;
}
--- config
location / { proxy_pass http://backend; }
--- request
GET /
--- response_headers
X-Backend: a

=== TEST 26: passive status= says which answers are failures, whatever is retried
--- http_upstream: a, b
--- http_config
upstream_table apps { zone 1m; file apps.json; passive status=500,504; }
upstream backend { upstream_lookup apps $host; }
proxy_set_header Host $host;
add_header X-Tried $upstream_addr always;
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A", "http://127.0.0.1:$TEST_NGINX_PORT_B"]}}
--- config
location / { proxy_pass http://backend; }
location /status/503/next { proxy_next_upstream http_503; proxy_pass http://backend; }
--- request eval
["GET /status/503/next", "GET /", "GET /", "GET /status/500", "GET /", "GET /"]
--- more_headers
Host: a.test
--- error_code eval
[503, 200, 200, 500, 200, 200]
--- response_headers eval
['X-Tried: 127.0.0.1:$TEST_NGINX_PORT_A, 127.0.0.1:$TEST_NGINX_PORT_B', "X-Backend: b", "X-Backend: a", "X-Backend: b", "X-Backend: a", "X-Backend: a"]
--- error_log
upstream server temporarily disabled

=== TEST 27: passive ratio= waits for a share of the answers, counted by all workers
--- http_upstream: a, b
--- main_config
worker_processes 4;
--- http_config
upstream_table apps { zone 1m; file apps.json; passive fails=3 window=1h status=5xx ratio=50%; }
upstream backend { upstream_lookup apps $host; }
proxy_set_header Host $host;
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A", "http://127.0.0.1:$TEST_NGINX_PORT_B"]}}
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /", "GET /status/500", "GET /", "GET /status/500", "GET /", "GET /", "GET /", "GET /status/502", "GET /", "GET /", "GET /"]
--- more_headers
Host: a.test
--- error_code eval
[200, 200, 500, 200, 500, 200, 200, 200, 502, 200, 200, 200]
--- response_headers eval
["X-Backend: a", "X-Backend: b", "X-Backend: a", "X-Backend: b", "X-Backend: a", "X-Backend: b", "X-Backend: a", "X-Backend: b", "X-Backend: a", "X-Backend: b", "X-Backend: b", "X-Backend: b"]

=== TEST 28: the log says that a backend is back, as it says that it is out
--- http_upstream: a, b
--- http_config
upstream_table apps { zone 1m; file apps.json; passive window=200ms; }
upstream backend { upstream_lookup apps $host; }
proxy_next_upstream_tries 1;
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A", "http://127.0.0.1:$TEST_NGINX_PORT_B"]}}
--- config
location / { proxy_pass http://backend; proxy_set_header Host $host; proxy_http_version 1.0; proxy_set_header Connection close; }
--- request eval
["GET /", "GET /", "GET /close", "GET /", [{value => "GET /", delay_before => 0.5}], "GET /", "GET /", "GET /"]
--- more_headers
Host: a.test
--- error_code eval
[200, 200, 502, 200, 200, 200, 200, 200]
--- error_log eval
["upstream server temporarily disabled", qr{\[notice\] .*upstream table "apps": backend http://127\.0\.0\.1:\d+ is back}]
