# A message is what it was when the request was received, whoever has read its variables before; and the
# check leaves nothing behind in what nginx remembers.
use Test::Nginx::Socket 'no_plan';

our $Files = ">>> ../conf/key\nexample\n>>> f\nshown\n>>> cdn/f\ncdn\n>>> api/cdn/f\napi\n";

no_long_string();
run_tests();

__DATA__

=== TEST 1: a map of the client's address, first read before realip knows it
--- http_config
map $remote_addr $net { default $remote_addr; }
token_profile p { format hmac; key file=key; message '{expires}|$net'; from query; }
--- config
root html;
location / {
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real;
    if ($token_auth_status = expired) { return 410; }
    token_auth p;
}
--- user_files eval: $::Files
--- request eval
["GET /f?token=O_WjpJ9jM6Ctw7D0_Rz0YeUmtWN_lLtv6cIA9oPfCZM&expires=4000000000", "GET /f?token=vYF9vrHyhtW3EhFzAd9CuPxkTRevNztuhgY4PpgDnQs&expires=4000000000"]
--- more_headers
X-Real: 9.9.9.9
--- error_code eval
[200, 403]

=== TEST 2: a map of the path, first read before and after a rewrite
--- http_config
map $uri $folder { ~^(?<prefix>/[^/]+/) $prefix; }
limit_req_zone $folder zone=z:1m rate=1000r/s;
token_profile p { format hmac; key file=key; message '{expires}|$folder'; from query; }
--- config
root html;
location /api/ { limit_req zone=z burst=100; rewrite ^/api(/.*)$ $1 break; token_auth p; add_header X-Folder $folder always; }
--- user_files eval: $::Files
--- request eval
["GET /api/cdn/f?token=QUgEQX5qTQt58aiZGBqCQoWJXzxjtF1N0W7SVde-zg8&expires=4000000000", "GET /api/cdn/f?token=ANulx8yZ8sKfu9v6IUjrvnLo6coLxDUdoK0LzUx4Ig0&expires=4000000000"]
--- error_code eval
[200, 403]
--- response_headers eval
["X-Folder: /cdn/", "X-Folder: /cdn/"]

=== TEST 3: captures of the location are what they were
--- http_config
map $uri $folder { ~^(/[^/]+/) $1; }
token_profile p { format hmac; key file=key; message '{expires}|$folder'; from query; }
map $http_x_profile $named { ~^(.) $1; }
--- config
location ~ ^/api/(.*)$ { token_auth p; alias html/$1; }
location ~ ^/cdn/(.*)$ { token_auth $named; alias html/$1; }
--- user_files eval: $::Files
--- request eval
["GET /api/f?token=QUgEQX5qTQt58aiZGBqCQoWJXzxjtF1N0W7SVde-zg8&expires=4000000000", "GET /cdn/f?token=ANulx8yZ8sKfu9v6IUjrvnLo6coLxDUdoK0LzUx4Ig0&expires=4000000000"]
--- more_headers
X-Profile: pq
--- error_code eval
[200, 200]
--- response_body eval
["shown\n", "shown\n"]
