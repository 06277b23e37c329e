# The message of a secure_link: what it sees, and what it leaves behind.
use Test::Nginx::Socket 'no_plan';

# How the tokens here are made is said in t/token.t.
our $Files = ">>> ../conf/key\nkey-one\n>>> ../conf/key2\nkey-two\n>>> ../conf/key3\nkey-three\n>>> v\nshown\n";
our $Up = 'proxy_http_version 1.0; proxy_set_header Host up; proxy_set_header Connection close; proxy_set_header X-Now "$uri|$args|$request_uri"; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A;';

no_long_string();
run_tests();

__DATA__

=== TEST 1: any key verifies, also where the message holds it, and its id is told
--- http_config
token_profile sl { format secure_link; key id=a file=key; key id=b file=key2; key id=c file=key3; message "{expires}$uri {key}"; }
token_profile mac { format secure_link; key id=a file=key; key id=b file=key2; key id=c file=key3; message "{expires}$uri"; }
--- config
location / { token_auth $http_profile; add_header X-Key $token_auth_key_id always; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v?md5=4UNws-WY49N31dgOiwv9hQ&expires=4000000000", "GET /v?md5=6IJxCSIgBYz4tYDCD0VcYQ&expires=4000000000", "GET /v?md5=VgicujuhQzetMUxfKTHqVQ&expires=4000000000", "GET /v?md5=7HziUQCXxi8Cf3VJDRkoUw&expires=4000000000", "GET /v?md5=fBdq7OdFEZ3CUMv1CLjqaw&expires=4000000000", "GET /v?md5=GLIB88Kk4DT1a2_PyV3xnQ&expires=4000000000"]
--- more_headers eval
["Profile: sl", "Profile: sl", "Profile: sl", "Profile: sl", "Profile: mac", "Profile: mac"]
--- error_code eval
[200, 200, 200, 403, 200, 200]
--- response_headers eval
["X-Key: a", "X-Key: b", "X-Key: c", "! X-Key", "X-Key: b", "X-Key: c"]

=== TEST 2: path, arguments and target are those received, before any rewrite
--- http_upstream: a
--- http_config
token_profile sl { format secure_link; key file=key; from header; message "{expires}$uri|$args|$request_uri|$arg_a {key}"; }
--- config eval
"rewrite ^/pre/(.*)\$ /\$1?server=1;
location / { token_auth sl; rewrite ^/(.*)\$ /new/\$1?location=1 break; $::Up }"
--- user_files eval: $::Files
--- request eval
["GET /pre/%76?a=1", "GET /pre/%76?a=1"]
--- more_headers eval
["X-Secure-Link: 70E7VVgi_gn_loFB4vyf8g,4000000000", "X-Secure-Link: n94SCWiHgTY8KIQTLDgCFQ,4000000000"]
--- error_code eval
[200, 403]
--- response_body_like eval
[qr{^GET /new/v\?location=1&server=1&a=1 HTTP.*\nX-Now: /new/v\|location=1&server=1&a=1\|/pre/%76\?a=1\r}sm, "403"]

=== TEST 3: reading the verdict before the access phase changes nothing either
--- http_upstream: a
--- http_config
token_profile sl { format secure_link; key file=key; message "{expires}$uri|$request_method {key}"; }
--- config eval
"location / { token_auth sl; rewrite ^/(.*)\$ /new/\$1?b=2; }
location /new/ { token_auth sl; if (\$token_auth_status != ok) { return 402; } $::Up }"
--- user_files eval: $::Files
--- request eval
["GET /v?a=1&md5=j-bRM5AWX2rLRhEHMqx5vg&expires=4000000000", "GET /v?a=1&md5=bf4hNFmtY68_-fUKCOaOAw&expires=4000000000"]
--- error_code eval
[200, 402]
--- response_body_like eval
[qr{^GET /new/v\?b=2&a=1 HTTP.*\nX-Now: /new/v\|b=2&a=1\|/v\?a=1\r}sm, "402"]

=== TEST 4: with merge_slashes off the path is the one received, too
--- http_config
token_profile sl { format secure_link; key file=key; message "{expires}$uri {key}"; }
--- config
merge_slashes off;
rewrite ^//pre//(.*)$ /$1;
location / { token_auth sl; root html; }
--- user_files eval: $::Files
--- request eval
["GET //pre//v?md5=xp2mljKpMwF_Mdpweqz9Sw&expires=4000000000", "GET //pre//v?md5=ukH9X5vlHFzDH6iBaTuGxw&expires=4000000000", "GET //pre//v?md5=4UNws-WY49N31dgOiwv9hQ&expires=4000000000"]
--- error_code eval
[200, 403, 403]

=== TEST 5: the target is the one received, though another profile has stripped it
--- http_config
token_profile p { format scalesimple; key file=key; from query; }
token_profile sl { format secure_link; key file=key; from header; message "{expires}$request_uri|$args {key}"; }
--- config
root html;
location /d/ { token_auth p; token_auth_dry_run on; token_auth_log_level info; }
location = /d/index.html { token_auth sl; }
--- user_files eval
$::Files . ">>> d/index.html\nindex\n"
--- request eval
["GET /d/?a=1&ss_token=x", "GET /d/?a=1&ss_token=x"]
--- more_headers eval
["X-Secure-Link: ytyOjrn9qBfHeu7bRW0-2A,4000000000", "X-Secure-Link: oxJPCv8RMoU5YpUlTwKUrw,4000000000"]
--- error_code eval
[200, 403]

=== TEST 6: what stands behind a `#` is no argument, here as for `$arg_NAME`
--- http_config
token_profile d { format secure_link; key text=k; message "$arg_item {key}"; from query=md5; }
token_profile p { format scalesimple; key file=key; from query; }
--- config
location /d { token_auth d; root html; try_files /v =404; }
location /v { token_auth p; root html; }
--- user_files eval: $::Files
--- request eval
["GET /d?item=5&md5=eRF5wlTBuZ-M2yWT2HMbNQ", "GET /d?a#&item=5&md5=eRF5wlTBuZ-M2yWT2HMbNQ", "GET /d?md5=eRF5wlTBuZ-M2yWT2HMbNQ#&item=5", "GET /d#?item=5&md5=eRF5wlTBuZ-M2yWT2HMbNQ", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000#", "GET /v#?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000"]
--- error_code eval
[200, 403, 403, 403, 200, 403, 403]
