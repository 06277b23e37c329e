# Requests that try to get round a check, and answers that must stay whole.
use Test::Nginx::Socket 'no_plan';

our $P = "token_profile p { format scalesimple; key id=k1 file=key; }\ntoken_profile pp { format scalesimple; key file=key; from path; }";
our $Files = ">>> ../conf/key\nkey-one\n>>> private/f\nsecret\n>>> v\nshown\n";

no_long_string();
run_tests();

__DATA__

=== TEST 1: a path token does not open an internal location
--- http_config eval: $::P
--- config
root html;
location / { token_auth pp; token_auth_dry_run on; }
location /private/ { internal; }
--- user_files eval: $::Files
--- request eval
["GET /private/f", "GET /0123456789abcdef0123456789abcdef,4000000000/private/f", "GET /0123456789abcdef0123456789abcdef,4000000000/v"]
--- error_code eval
[404, 404, 200]

=== TEST 2: nor when somebody else lets the request in
--- http_config eval: $::P
--- config
root html;
location / { satisfy any; allow 127.0.0.1; deny all; token_auth pp; }
location /private/ { internal; }
--- user_files eval: $::Files
--- request eval
["GET /0123456789abcdef0123456789abcdef,4000000000/private/f", "GET /0123456789abcdef0123456789abcdef,4000000000/v"]
--- error_code eval
[404, 200]

=== TEST 3: a variable that fails, then `return`: one whole answer
--- http_config eval: $::P
--- config
location /a { token_auth $arg_p; if ($token_auth_status != ok) { return 403; } }
location /b { token_auth $arg_p; error_page 403 = /page; if ($token_auth_status != ok) { return 403; } }
location /page { root html; }
--- user_files eval: $::Files
--- request eval
["GET /a?p=none", "GET /b?p=none"]
--- error_code eval
[500, 500]
--- response_headers eval
["Content-Length: 0", "Content-Length: 0"]

=== TEST 5: what the application behind a refusal's page asks for is checked again
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
token_profile p { format scalesimple; key text=example; }
--- config
location = /page { token_auth p; error_page 403 = /refused; root html; }
location = /refused { proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/accel; }
location = /accel { add_header X-Accel-Redirect /geo/secret; return 204; }
location /geo/ { geoip_deny country=JP; root html; }
--- user_files
>>> geo/secret
secret
--- request
GET /page
--- error_code: 403
--- response_body_unlike
secret
--- error_log
country refused: JP
