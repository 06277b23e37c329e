# format open: a profile for tenants without tokens, which data may choose where the configuration declares it.
use Test::Nginx::Socket 'no_plan';

# Tokens as in token.t: KEY=key-one, EXP=4000000000.
our $P = "token_profile p { format scalesimple; key id=k1 file=key; }
token_profile free { format open; }
map \$http_host \$profile { a.test p; b.test free; c.test off; d.test ''; }\n";
our $Files = ">>> ../conf/key\nkey-one\n>>> v\nshown\n";

no_long_string();
run_tests();

__DATA__

=== TEST 1: data chooses among profiles that ask for a token and one that does not
--- http_config eval: $::P
--- config
location / {
    token_auth $profile;
    add_header X-Token "$token_auth_status $token_auth_action $token_auth_profile [$token_auth_key_id$token_auth_expires]" always;
    root html;
}
--- user_files eval: $::Files
--- request eval
["GET /v", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v", "GET /v?ss_token=x&ss_expiration=1"]
--- more_headers eval
["Host: a.test", "Host: a.test", "Host: b.test", "Host: b.test"]
--- error_code eval
[403, 200, 200, 200]
--- response_headers eval
["X-Token: missing refused p []", "X-Token: ok allowed p [k14000000000]", "X-Token: ok allowed free []", "X-Token: ok allowed free []"]

=== TEST 2: neither "off" nor nothing comes from data: only the name of a declared profile does
--- http_config eval: $::P
--- config
location / { token_auth $profile; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v", "GET /v", "GET /v"]
--- more_headers eval
["Host: c.test", "Host: d.test", "Host: e.test"]
--- error_code eval
[500, 500, 500]
--- error_log
token_auth: unknown token_profile "off"
token_auth: unknown token_profile ""

=== TEST 3: "open" is a format, not the name of a profile that nobody declared
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
location / { token_auth $http_profile; root html; }
--- user_files eval: $::Files
--- request
GET /v
--- more_headers
Profile: open
--- error_code: 500
--- error_log
token_auth: unknown token_profile "open"

=== TEST 4: nothing is taken out of the request, byte for byte; beside it a tenant with tokens
--- http_config eval
$::P . "server { listen 127.0.0.1:\$TEST_NGINX_RAND_PORT_1; location / { return 200 \"\$request_uri [\$http_cookie] [\$http_x_ss_token]\"; } }"
--- config
location / { token_auth $profile; proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
--- user_files eval: $::Files
--- request eval
["GET /v?a=1&ss_token=x&&ss_expiration=4000000000", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&a=1&ss_expiration=4000000000"]
--- more_headers eval
["Host: b.test\nCookie: ss_token=y; b=2\nX-SS-Token: z", "Host: a.test\nCookie: b=2\nX-SS-Token: z"]
--- error_code eval
[200, 403]
--- response_body_like eval
[qr{^/v\?a=1&ss_token=x&&ss_expiration=4000000000 \[ss_token=y; b=2\] \[z\]$}, qr/403/]

=== TEST 5: under `satisfy any` an open profile is a yes, as a valid token is
--- http_config eval: $::P
--- config
location / { token_auth $profile; satisfy any; deny all; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v", "GET /v"]
--- more_headers eval
["Host: b.test", "Host: a.test"]
--- error_code eval
[200, 403]

=== TEST 6: what names it literally could say "off"
--- http_config
token_profile free { format open; }
CASE
--- conf_cases
# named by a location
server { listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1; location / { token_auth free; } }
=> [warn] token_profile "free" lets every request pass, its format is for "token_auth" with a variable
# chosen by a variable
server { listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1; location / { token_auth $http_x; } }
=> ok

=== TEST 7: a name with a newline at its end is no profile, and not the open one of the default
--- http_config eval
$::P . 'upstream_variable $chosen apps $host token default=free; upstream_table apps { zone 1m; file apps.json; }'
--- user_files eval
$::Files . ">>> ../conf/apps.json\n" . '{"a.test": {"backends": [], "vars": {"token": "p\\n"}}, "b.test": {"backends": [], "vars": {"token": "p"}}, "c.test": {"backends": []}}'
--- config
location / { token_auth $chosen; root html; }
--- request eval
["GET /v", "GET /v", "GET /v", "GET /v"]
--- more_headers eval
["Host: a.test", "Host: b.test", "Host: c.test", "Host: d.test"]
--- error_code eval
[500, 403, 200, 200]
