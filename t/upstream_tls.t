# https backends: each with a name of its own, next to http ones.
# requires: with http_ssl_module
# t/data/tls was made once with openssl(1): a CA whose key is gone, and one.internal and two.internal below it.
use Test::Nginx::Socket 'no_plan';

# Two names behind one address: TLS takes the certificate by the name asked for; the answer, always of the first server
# (no Host of ours is its name), tells that name and how many requests the connection has had.
our $Tls = <<'_EOC_';
    upstream backend { upstream_lookup apps $host; keepalive 8; }
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1 ssl default_server;
        server_name one.internal;
        ssl_certificate $TEST_NGINX_DATA/tls/one.pem;
        ssl_certificate_key $TEST_NGINX_DATA/tls/one.key;
        location / { return 200 "sni=$ssl_server_name reused=$connection_requests $request_uri"; }
    }
    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1 ssl;
        server_name two.internal;
        ssl_certificate $TEST_NGINX_DATA/tls/two.pem;
        ssl_certificate_key $TEST_NGINX_DATA/tls/two.key;
        location / { return 200 "never"; }
    }
    server {
        listen unix:$TEST_NGINX_SERVROOT/tls.sock ssl;
        ssl_certificate $TEST_NGINX_DATA/tls/two.pem;
        ssl_certificate_key $TEST_NGINX_DATA/tls/two.key;
        location / { return 200 "unix sni=$ssl_server_name"; }
    }
    proxy_ssl_server_name on;
    proxy_ssl_trusted_certificate $TEST_NGINX_DATA/tls/ca.pem;
    proxy_ssl_verify on;
_EOC_

our $Http = 'upstream_table apps { zone 1m; file apps.json; passive fails=0; }' . $::Tls;
our $Plain = 'upstream_table apps { zone 1m; file apps.json; plain=allow; passive fails=0; }' . $::Tls;

our $Apps = <<'_EOC_';
>>> ../conf/apps.json
{"one.test":   {"backends": [{"url": "https://127.0.0.1:$TEST_NGINX_RAND_PORT_1", "sni": "one.internal"}]},
 "two.test":   {"backends": ["https://127.0.0.1:$TEST_NGINX_RAND_PORT_1#sni=two.internal"]},
 "uno.test":   {"backends": ["https://127.0.0.1:$TEST_NGINX_RAND_PORT_1#sni=one.internal"]},
 "wrong.test": {"backends": ["https://127.0.0.1:$TEST_NGINX_RAND_PORT_1#sni=three.internal"]},
 "none.test":  {"backends": ["https://127.0.0.1:$TEST_NGINX_RAND_PORT_1"]},
 "unix.test":  {"backends": ["https://unix:$TEST_NGINX_SERVROOT/tls.sock#sni=two.internal"]},
 "name.test":  {"backends": ["https://localhost:$TEST_NGINX_RAND_PORT_1"]},
 "mixed.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A", "https://127.0.0.1:$TEST_NGINX_RAND_PORT_1#sni=one.internal"]},
 "plain.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
_EOC_

run_tests();

__DATA__

=== TEST 1: each backend is asked for, and verified, by its own name
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { proxy_pass https://backend; }
--- request eval
["GET /x?y", "GET /", "GET /"]
--- more_headers eval
["Host: one.test", "Host: two.test", "Host: unix.test"]
--- response_body eval
["sni=one.internal reused=1 /x?y", "sni=two.internal reused=1 /", "unix sni=two.internal"]
--- no_error_log
[error]

=== TEST 2: idle connections are shared by hosts with the same backend and name, not across names
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { proxy_pass https://backend; }
--- request eval
["GET /", "GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
["Host: one.test", "Host: two.test", "Host: one.test", "Host: two.test", "Host: uno.test"]
--- response_body eval
["sni=one.internal reused=1 /", "sni=two.internal reused=1 /", "sni=one.internal reused=2 /", "sni=two.internal reused=2 /", "sni=one.internal reused=3 /"]

=== TEST 3: a name the certificate does not have is refused
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { proxy_pass https://backend; }
--- request
GET /
--- more_headers
Host: wrong.test
--- error_code: 502
--- error_log
upstream SSL certificate does not match "three.internal"

=== TEST 4: without a name an address is never verified as somebody else
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { proxy_pass https://backend; }
location /off { proxy_ssl_verify off; proxy_pass https://backend; }
--- request eval
["GET /", "GET /off"]
--- more_headers
Host: none.test
--- error_code eval
[502, 200]
--- response_body_like eval
[qr/502/, qr/^sni= /]
--- error_log
upstream SSL certificate does not match "127.0.0.1"

=== TEST 5: a host name of a backend is its name for TLS
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { proxy_ssl_verify off; proxy_pass https://backend; }
--- request
GET /
--- more_headers
Host: name.test
--- response_body_like: ^sni=localhost

=== TEST 6: proxy_ssl_name still wins
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { proxy_ssl_name two.internal; proxy_pass https://backend; }
--- request
GET /
--- more_headers
Host: one.test
--- response_body_like: ^sni=two\.internal

=== TEST 7: http and https backends of one route under proxy_pass https, which the table allows
--- http_upstream: a
--- http_config eval: $::Plain
--- user_files eval: $::Apps
--- config
location / { proxy_pass https://backend; }
--- request eval
["GET /", "GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
["Host: mixed.test", "Host: mixed.test", "Host: mixed.test", "Host: mixed.test", "Host: plain.test"]
--- response_body_like eval
[qr/^name=a\n/, qr/^sni=one\.internal/, qr/^name=a\n/, qr/^sni=one\.internal reused=2/, qr/^name=a\n/]

=== TEST 8: a failed http backend is followed by an https one, and the other way round
--- http_upstream: a
--- http_config eval: $::Plain
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_RAND_PORT_2", "https://127.0.0.1:$TEST_NGINX_RAND_PORT_1#sni=two.internal"]},
 "b.test": {"backends": ["https://127.0.0.1:$TEST_NGINX_RAND_PORT_2#sni=two.internal", "http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
--- config
location / { proxy_pass https://backend; add_header X-Tried $upstream_addr; }
--- request eval
["GET /", "GET /"]
--- more_headers eval
["Host: a.test", "Host: b.test"]
--- response_body_like eval
[qr/^sni=two\.internal/, qr/^name=a\n/]
--- response_headers eval
['X-Tried: 127.0.0.1:$TEST_NGINX_RAND_PORT_2, 127.0.0.1:$TEST_NGINX_RAND_PORT_1', 'X-Tried: 127.0.0.1:$TEST_NGINX_RAND_PORT_2, 127.0.0.1:$TEST_NGINX_PORT_A']

=== TEST 9: under proxy_pass http, https backends are left out
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { proxy_pass http://backend; }
--- request eval
["GET /", "GET /", "GET /"]
--- more_headers eval
["Host: mixed.test", "Host: mixed.test", "Host: one.test"]
--- error_code eval
[200, 200, 502]
--- response_body_like eval
[qr/^name=a\n/, qr/^name=a\n/, qr/502/]
--- error_log eval
qr/\[error\] .*the backends of "one\.test" need "proxy_pass https:\/\/"/

=== TEST 10: a connection over TLS is no plain one, though the address is the same
--- http_upstream: a
--- http_config eval: $::Plain
--- user_files
>>> ../conf/apps.json
{"tls.test": {"backends": ["https://127.0.0.1:$TEST_NGINX_RAND_PORT_1#sni=one.internal"]},
 "tcp.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_RAND_PORT_1"]}}
--- config
location / { proxy_pass https://backend; }
--- request eval
["GET /", "GET /"]
--- more_headers eval
["Host: tls.test", "Host: tcp.test"]
--- error_code eval
[200, 400]
--- response_body_like eval
[qr/^sni=one\.internal/, qr/plain HTTP request was sent to HTTPS port/]

=== TEST 11: the same over a unix socket
--- http_upstream: a
--- http_config eval: $::Plain
--- user_files
>>> ../conf/apps.json
{"one.test": {"backends": ["https://unix:$TEST_NGINX_SERVROOT/tls.sock#sni=one.internal"]},
 "two.test": {"backends": ["https://unix:$TEST_NGINX_SERVROOT/tls.sock#sni=two.internal"]},
 "tcp.test": {"backends": ["http://unix:$TEST_NGINX_SERVROOT/tls.sock"]}}
--- config
location / { proxy_ssl_verify off; proxy_pass https://backend; }
--- request eval
["GET /", "GET /", "GET /"]
--- more_headers eval
["Host: one.test", "Host: two.test", "Host: tcp.test"]
--- response_body_like eval
[qr/^unix sni=one\.internal/, qr/^unix sni=two\.internal/, qr/plain HTTP request was sent to HTTPS port/]
--- error_code eval
[200, 200, 400]

=== TEST 12: the name of an IPv6 backend is its whole address
--- http_config
upstream_table apps { zone 1m; file apps.json; }
upstream backend { upstream_lookup apps $host; }
server {
    listen [::1]:$TEST_NGINX_RAND_PORT_1 ssl;
    ssl_certificate $TEST_NGINX_DATA/tls/one.pem;
    ssl_certificate_key $TEST_NGINX_DATA/tls/one.key;
    location / { return 200 "sni=$ssl_server_name"; }
}
proxy_ssl_server_name on;
proxy_ssl_trusted_certificate $TEST_NGINX_DATA/tls/ca.pem;
--- config
location / { proxy_ssl_verify on; proxy_pass https://backend; }
location /off { proxy_pass https://backend; }
--- user_files
>>> ../conf/apps.json
{"*": {"backends": ["https://[::1]:$TEST_NGINX_RAND_PORT_1"]}}
--- request eval
["GET /", "GET /off"]
--- error_code eval
[502, 200]
--- response_body_like eval
["502", "^sni=\$"]
--- error_log
upstream SSL certificate does not match "[::1]"

=== TEST 13: what failed under one name has not failed under another, at the same address
--- http_upstream: a
--- http_config eval: 'upstream_table apps { zone 1m; file apps.json; plain=allow; passive fails=1 window=1h; }' . $::Tls
--- user_files
>>> ../conf/apps.json
{"bad.test":   {"backends": ["https://127.0.0.1:$TEST_NGINX_RAND_PORT_1#sni=three.internal", "http://127.0.0.1:$TEST_NGINX_PORT_A#backup=1"]},
 "one.test":   {"backends": ["https://127.0.0.1:$TEST_NGINX_RAND_PORT_1#sni=one.internal", "http://127.0.0.1:$TEST_NGINX_PORT_A#backup=1"]},
 "worse.test": {"backends": ["https://127.0.0.1:$TEST_NGINX_RAND_PORT_1#sni=three.internal", "http://127.0.0.1:$TEST_NGINX_PORT_A#backup=1"]}}
--- config
location / { proxy_pass https://backend; add_header X-Tried $upstream_addr; }
--- request eval
["GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
["Host: bad.test", "Host: one.test", "Host: worse.test", "Host: bad.test"]
--- response_body_like eval
[qr/^name=a\n/, qr/^sni=one\.internal /, qr/^name=a\n/, qr/^name=a\n/]
--- response_headers eval
['X-Tried: 127.0.0.1:$TEST_NGINX_RAND_PORT_1, 127.0.0.1:$TEST_NGINX_PORT_A', 'X-Tried: 127.0.0.1:$TEST_NGINX_RAND_PORT_1', 'X-Tried: 127.0.0.1:$TEST_NGINX_PORT_A', 'X-Tried: 127.0.0.1:$TEST_NGINX_PORT_A']
--- error_log
upstream SSL certificate does not match "three.internal"

=== TEST 14: idle connections over IPv6 are not shared across names either
--- http_config
upstream_table apps { zone 1m; file apps.json; }
upstream backend { upstream_lookup apps $host; keepalive 8; }
server {
    listen [::1]:$TEST_NGINX_RAND_PORT_1 ssl;
    ssl_certificate $TEST_NGINX_DATA/tls/one.pem;
    ssl_certificate_key $TEST_NGINX_DATA/tls/one.key;
    location / { return 200 "sni=$ssl_server_name reused=$connection_requests"; }
}
proxy_ssl_server_name on;
proxy_http_version 1.1;
proxy_set_header Connection "";
--- config
location / { proxy_pass https://backend; }
--- user_files
>>> ../conf/apps.json
{"one.test": {"backends": ["https://[::1]:$TEST_NGINX_RAND_PORT_1#sni=one.internal"]},
 "two.test": {"backends": ["https://[::1]:$TEST_NGINX_RAND_PORT_1#sni=two.internal"]}}
--- request eval
["GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
["Host: one.test", "Host: two.test", "Host: one.test", "Host: two.test"]
--- response_body eval
["sni=one.internal reused=1", "sni=two.internal reused=1", "sni=one.internal reused=2", "sni=two.internal reused=2"]

=== TEST 15: under proxy_pass https, http backends are left out unless the table allows them
--- http_upstream: a
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { proxy_pass https://backend; }
--- request eval
["GET /", "GET /", "GET /"]
--- more_headers eval
["Host: mixed.test", "Host: mixed.test", "Host: plain.test"]
--- error_code eval
[200, 200, 502]
--- response_body_like eval
[qr/^sni=one\.internal/, qr/^sni=one\.internal/, qr/502/]
--- error_log eval
qr/\[error\] .*the backends of "plain\.test" speak no TLS: "proxy_pass https:\/\/" uses them only with "plain=allow" in upstream_table "apps"/
