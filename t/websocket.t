# WebSockets through the table, with tokens and country rules in the same location.
use Test::Nginx::Socket 'no_plan';

our $Ws = <<'_EOC_';
    upstream_table apps { zone 1m; file apps.json; }
    upstream backend { upstream_lookup apps $host; keepalive 4; }
    proxy_http_version 1.1;
    proxy_set_header Host $host;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_upgrade;
    proxy_set_header X-Result $upstream_lookup_result;
    map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
_EOC_

our $Checked = $::Ws . <<'_EOC_';
    token_profile p { format scalesimple; key id=k1 file=key; }
    geoip_db $TEST_NGINX_DATA/geo.mmdb;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;
_EOC_

our $Files = <<'_EOC_';
>>> ../conf/key
key-one
>>> ../conf/apps.json
{"chat.test":   {"backends": ["http://127.0.0.1:$TEST_NGINX_WS_PORT"]},
 "*.chat.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_WS_PORT_B"]},
 "retry.test":  {"backends": ["http://127.0.0.1:$TEST_NGINX_RAND_PORT_1", "http://127.0.0.1:$TEST_NGINX_WS_PORT"]},
 "down.test":   {"backends": ["http://127.0.0.1:$TEST_NGINX_RAND_PORT_1"]}}
_EOC_

# A token for /v with key-one until 2096 (see token.t).
our $Link = '/v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000';

run_tests();

__DATA__

=== TEST 1: frames in both directions
--- ws_upstream: echo, b=echo
--- http_config eval: $::Ws
--- user_files eval: $::Files
--- config
location / { proxy_pass http://backend; }
--- ws_connect: /room?x=1 chat
--- ws_headers
Host: chat.test
--- ws_script
send text "hello"
recv text "hello"
send binary 00ff80
recv binary 00ff80
send text "?headers"
recv text like /^GET \/room\?x=1 HTTP\/1\.1\r\nHost: chat\.test\r\nUpgrade: websocket\r\nConnection: upgrade\r\nX-Result: exact\r\n/
send ping "p"
recv pong "p"
send close 1000 "bye"
recv close 1000
--- response_headers
Sec-WebSocket-Protocol: chat
--- no_error_log
[error]

=== TEST 2: a wildcard host
--- ws_upstream: echo, b=echo
--- http_config eval: $::Ws
--- user_files eval: $::Files
--- config
location / { proxy_pass http://backend; }
--- ws_connect: /
--- ws_headers
Host: room.chat.test
--- ws_script
send text "?name"
recv text "b"
send text "?headers"
recv text like /X-Result: wildcard\r\n/
send close 1000
recv close 1000

=== TEST 3: a backend that refuses the connection is followed by the next
--- ws_upstream: echo, b=echo
--- http_config eval: $::Ws
--- user_files eval: $::Files
--- config
location / { proxy_pass http://backend; }
--- ws_connect: /
--- ws_headers
Host: retry.test
--- ws_script
send text "hello"
recv text "hello"
send close 1000
recv close 1000
--- error_log
connect() failed

=== TEST 4: refused before 101: no such host
--- ws_upstream: echo, b=echo
--- http_config eval: $::Ws
--- user_files eval: $::Files
--- config
location / { proxy_pass http://backend; }
--- ws_connect: /
--- ws_headers
Host: none.test
--- ws_error_code: 404

=== TEST 5: refused before 101: nobody answers
--- ws_upstream: echo, b=echo
--- http_config eval: $::Ws
--- user_files eval: $::Files
--- config
location / { proxy_pass http://backend; }
--- ws_connect: /
--- ws_headers
Host: down.test
--- ws_error_code: 502

=== TEST 6: token, country and table together
--- ws_upstream: echo, b=echo
--- http_config eval: $::Checked
--- user_files eval: $::Files
--- config
location / { token_auth p; geoip_deny country=RU; proxy_pass http://backend; }
--- ws_connect eval: $::Link
--- ws_headers
Host: chat.test
X-Real-IP: 192.0.2.1
--- ws_script
send text "hello"
recv text "hello"
send text "?headers"
recv text like /^GET \/v HTTP\/1\.1\r\nHost: chat\.test\r\n/
send close 1000
recv close 1000
--- no_error_log
[error]

=== TEST 7: refused before 101: no token
--- ws_upstream: echo, b=echo
--- http_config eval: $::Checked
--- user_files eval: $::Files
--- config
location / { token_auth p; geoip_deny country=RU; proxy_pass http://backend; }
--- ws_connect: /v
--- ws_headers
Host: chat.test
X-Real-IP: 192.0.2.1
--- ws_error_code: 403
--- error_log
token refused: missing

=== TEST 8: refused before 101: the country
--- ws_upstream: echo, b=echo
--- http_config eval: $::Checked
--- user_files eval: $::Files
--- config
location / { token_auth p; geoip_deny country=RU; proxy_pass http://backend; }
--- ws_connect eval: $::Link
--- ws_headers
Host: chat.test
X-Real-IP: 203.0.113.1
--- ws_error_code: 403
--- error_log
country refused: RU

=== TEST 9: refused before 101: token and country are well, the host is not
--- ws_upstream: echo, b=echo
--- http_config eval: $::Checked
--- user_files eval: $::Files
--- config
location / { token_auth p; geoip_deny country=RU; proxy_pass http://backend; }
--- ws_connect eval: $::Link
--- ws_headers
Host: none.test
X-Real-IP: 192.0.2.1
--- ws_error_code: 404

=== TEST 10: a reload leaves open WebSockets alone, and new ones are served
--- ws_upstream: echo, b=echo
--- http_config eval: $::Ws
--- main_config
worker_shutdown_timeout 30s;
--- user_files eval: $::Files
--- config
location / { proxy_pass http://backend; }
--- ws_connect: /
--- ws_headers
Host: chat.test
--- ws_script
send text "before"
recv text "before"
reload
expect_open 200ms
send text "after"
recv text "after"
send close 1000
recv close 1000

=== TEST 11: two clients at once
--- ws_upstream: echo, b=echo
--- http_config eval: $::Ws
--- user_files eval: $::Files
--- config
location / { proxy_pass http://backend; }
--- ws_connect: /
--- ws_clients: 2
--- ws_headers
Host: chat.test
--- ws_script
send text "one"
recv text "one"
send text "two"
recv text "two"
send close 1000
recv close 1000

=== TEST 12: the backend closes, its code arrives
--- ws_upstream: close 1013, b=echo
--- http_config eval: $::Ws
--- user_files eval: $::Files
--- config
location / { proxy_pass http://backend; }
--- ws_connect: /
--- ws_headers
Host: chat.test
--- ws_script
recv close 1013

=== TEST 13: the client is cut off; nothing is left
--- ws_upstream: echo, b=echo
--- http_config eval: $::Ws
--- user_files eval: $::Files
--- config
location / { proxy_pass http://backend; }
--- ws_connect: /
--- ws_headers
Host: chat.test
--- ws_script
send text "hello"
recv text "hello"
drop

=== TEST 14: an ordinary request beside it keeps its connection
--- ws_upstream: echo, b=echo
--- http_upstream: h
--- http_config eval: $::Ws
--- user_files
>>> ../conf/apps.json
{"chat.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_WS_PORT"]},
 "app.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_H"]}}
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /accepts"]
--- more_headers
Host: app.test
--- response_body_like eval
[qr/^name=h\n/, qr/accepts=1\n/]
--- ws_connect: /
--- ws_headers
Host: chat.test
--- ws_script
send text "hello"
recv text "hello"
send close 1000
recv close 1000
