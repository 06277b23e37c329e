# Tokens: places, keys, reasons, statuses, variables, log lines.
use Test::Nginx::Socket 'no_plan';

# ScaleSimple tokens here, with KEY=key-one and an EXP of 4000000000 (2096) or 1000000000 (2001):
#   printf %s "$KEY$(printf %s "$EXP$URL$KEY" | md5sum | cut -c-32)" | md5sum
# secure_link tokens: printf %s "$MESSAGE" | openssl md5 -binary | basenc --base64url | tr -d =
our $P = "token_profile p { format scalesimple; key id=k1 file=key; }\n";
our $Files = ">>> ../conf/key\nkey-one\n>>> ../conf/key2\nkey-two\n>>> v\nshown\n";

no_long_string();
run_tests();

__DATA__

=== TEST 1: a valid token in each place, by the scheme's own names
--- http_config eval: $::P
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v", "GET /v", "GET /v"]
--- more_headers eval
["", "Cookie: ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39; ss_expiration=4000000000", "X-SS-Token: 89ebef16f7b05ed3aff1d6e7c8d7dd39\nX-SS-Expiration: 4000000000", "x-ss-expiration: 4000000000\nx-ss-token: 89ebef16f7b05ed3aff1d6e7c8d7dd39"]
--- response_body eval
["shown\n", "shown\n", "shown\n", "shown\n"]
--- no_error_log
token refused

=== TEST 2: no token, no page
--- http_config eval: $::P
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files
--- request
GET /v
--- error_code: 403
--- response_body_unlike: shown
--- error_log
token refused: missing, profile "p"

=== TEST 3: a token for one URL opens no other
--- http_config eval: $::P
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files . ">>> w\nother\n"
--- request eval
["GET /w?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v?x=1&ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /w?x=1&ss_token=48208cb08e3b8bf63376f0be20fd84d9&ss_expiration=4000000000", "GET /./v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET //v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /%76?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /V?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v/?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000"]
--- error_code eval
[403, 403, 200, 403, 403, 403, 403, 403]
--- error_log
token refused: invalid, profile "p"

=== TEST 4: what is signed is the raw target, whatever nginx makes of it
--- http_config eval: $::P
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files . ">>> a,b\ncomma\n"
--- request eval
["GET /a%2Cb?ss_token=3a22971e2d9408f7e0ff84bc5ac62b13&ss_expiration=4000000000", "GET //v?ss_token=e35c220b98147c9a8ff61767fd48dac0&ss_expiration=4000000000", "GET /x/%2e%2e/v?ss_token=8c68f6068917b9cf70ecc21ed3769cc4&ss_expiration=4000000000", "GET /%76?y=%3D+&ss_token=db45878fcd93b3d87f59164891038063&ss_expiration=4000000000", "GET http://localhost/v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000"]
--- response_body eval
["comma\n", "shown\n", "shown\n", "shown\n", "shown\n"]

=== TEST 5: a token in the path
--- http_config
token_profile p { format scalesimple; key file=key; from path; }
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files . ">>> d/w\ndeep\n"
--- request eval
["GET /89ebef16f7b05ed3aff1d6e7c8d7dd39,4000000000/v", "GET /d/782d0112aee28f6473f1ba06557d985c,4000000000/w?x=1", "GET /630043a1f1a82f61d0738fb2066fc17b,4000000000/v", "GET /e2ca171758b9e84dc9647034d5c4745b,1000000000/v", "GET /v", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000"]
--- error_code eval
[200, 200, 403, 403, 403, 403]
--- response_body eval
["shown\n", "deep\n", qr/403/, qr/403/, qr/403/, qr/403/]
--- error_log
token refused: invalid, profile "p"
token refused: expired, profile "p"
token refused: missing, profile "p"

=== TEST 6: own names, for the token and its expiry
--- http_config
token_profile p { format scalesimple; key file=key; from query=t,e cookie=tc,ec header=X-T,X-E; }
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v?e=4000000000&t=89ebef16f7b05ed3aff1d6e7c8d7dd39", "GET /v", "GET /v", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v?T=89ebef16f7b05ed3aff1d6e7c8d7dd39&E=4000000000"]
--- more_headers eval
["", "Cookie: tc=89ebef16f7b05ed3aff1d6e7c8d7dd39; ec=4000000000", "X-T: 89ebef16f7b05ed3aff1d6e7c8d7dd39\nX-E: 4000000000", "", ""]
--- error_code eval
[200, 200, 200, 403, 403]
--- error_log
token refused: missing, profile "p"

=== TEST 7: one name for both: `token,expiry`
--- http_config
token_profile p { format scalesimple; key file=key; from query=st cookie=st header=X-T; }
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v?st=89ebef16f7b05ed3aff1d6e7c8d7dd39,4000000000", "GET /v", "GET /v", "GET /v?st=89ebef16f7b05ed3aff1d6e7c8d7dd39", "GET /v?st=89ebef16f7b05ed3aff1d6e7c8d7dd39%2C4000000000", "GET /v?st=4000000000,89ebef16f7b05ed3aff1d6e7c8d7dd39"]
--- more_headers eval
["", "Cookie: st=89ebef16f7b05ed3aff1d6e7c8d7dd39,4000000000", "X-T: 89ebef16f7b05ed3aff1d6e7c8d7dd39,4000000000", "", "", ""]
--- error_code eval
[200, 200, 200, 403, 403, 403]
--- error_log
token refused: malformed, profile "p"

=== TEST 8: only the named places are looked at
--- http_config
token_profile p { format scalesimple; key file=key; from header; }
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v", "GET /v"]
--- more_headers eval
["", "Cookie: ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39; ss_expiration=4000000000", "X-SS-Token: 89ebef16f7b05ed3aff1d6e7c8d7dd39\nX-SS-Expiration: 4000000000"]
--- error_code eval
[403, 403, 200]

=== TEST 9: the first valid token wins, wherever a bad one stands
--- http_config eval: $::P
--- config
location / { token_auth p; root html; add_header X-Expires $token_auth_expires; }
--- user_files eval: $::Files
--- request eval
["GET /v?ss_token=4da47c9df9d3a629896444da495b4267&ss_expiration=4000000000", "GET /v?ss_token=x", "GET /v", "GET /v", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000"]
--- more_headers eval
["Cookie: ss_token=C1\nX-SS-Token: C2", "Cookie: ss_token=e7efc8cb8b4ed17899956c4c8a7e4ad8; ss_expiration=4000000001", "Cookie: ss_token=x; ss_expiration=1\nX-SS-Token: 89ebef16f7b05ed3aff1d6e7c8d7dd39\nX-SS-Expiration: 4000000000", "Cookie: ss_token=49b66ceb02bdea133f74b725663d5542; ss_expiration=4000000001\nX-SS-Token: 89ebef16f7b05ed3aff1d6e7c8d7dd39\nX-SS-Expiration: 4000000000", "Cookie: ss_token=x\nX-SS-Token: y"]
--- error_code eval
[403, 200, 200, 200, 200]
--- response_headers eval
["! X-Expires", "X-Expires: 4000000001", "X-Expires: 4000000000", "X-Expires: 4000000001", "X-Expires: 4000000000"]

=== TEST 10: else the first place that had one gives the reason
--- http_config
token_profile qc { format scalesimple; key file=key; from query cookie; }
token_profile cq { format scalesimple; key file=key; from cookie query; }
--- config
location / { token_auth $http_profile; token_auth_status expired=410 invalid=402; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v?ss_token=630043a1f1a82f61d0738fb2066fc17b&ss_expiration=4000000000", "GET /v?ss_token=630043a1f1a82f61d0738fb2066fc17b&ss_expiration=4000000000", "GET /v", "GET /v"]
--- more_headers eval
["Profile: qc\nCookie: ss_token=zz; ss_expiration=1", "Profile: cq\nCookie: ss_token=zz; ss_expiration=1", "Profile: qc\nCookie: ss_token=zz; ss_expiration=1", "Profile: cq"]
--- error_code eval
[402, 403, 403, 403]

=== TEST 11: several keys: any live one verifies, and its id says which
--- http_config
token_profile p { format scalesimple; key id=2026a file=key; key id=2026b file=key2; key text=key-three; }
log_format mine "$request_method $uri key=$token_auth_key_id $token_auth_status";
--- config
access_log logs/access.log mine;
location / { token_auth p; root html; add_header X-Key $token_auth_key_id; }
--- user_files eval: $::Files
--- request eval
["GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v?ss_token=8cc02af77966ecd9dc71509f4524eb43&ss_expiration=4000000000", "GET /v?ss_token=5c645b46c0bf6ab098a972ea0859666b&ss_expiration=4000000000", "GET /v?ss_token=7683ec32d97b33bec7c7e802003178a8&ss_expiration=4000000000"]
--- error_code eval
[200, 200, 200, 403]
--- response_headers eval
["X-Key: 2026a", "X-Key: 2026b", "! X-Key", "! X-Key"]
--- access_log eval
["GET /v key=2026a ok", "GET /v key=2026b ok", qr/^GET \/v key=-? ok$/, qr/^GET \/v key=-? invalid$/]

=== TEST 12: leeway
--- http_config
token_profile strict { format scalesimple; key file=key; }
token_profile lenient { format scalesimple; key file=key; leeway 100y; }
--- config
location / { root html; }
location = /v { token_auth strict; token_auth_status expired=410; root html; }
location = /w { token_auth lenient; token_auth_status expired=410; root html; }
--- user_files eval: $::Files . ">>> w\nother\n"
--- request eval
["GET /v?ss_token=e2ca171758b9e84dc9647034d5c4745b&ss_expiration=1000000000", "GET /w?ss_token=f75553d941eff28ced71f4ffabf9e337&ss_expiration=1000000000", "GET /w?ss_token=a7e00ac8daf59229aee6e0b8fb9c3f2c&ss_expiration=0", "GET /w?ss_token=e2ca171758b9e84dc9647034d5c4745b&ss_expiration=1000000000"]
--- error_code eval
[410, 200, 200, 403]

=== TEST 13: forged is never expired: the MAC is checked first
--- http_config eval: $::P
--- config
location / { token_auth p; token_auth_status expired=410 invalid=402 malformed=400 missing=401; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v?ss_token=e2ca171758b9e84dc9647034d5c4745b&ss_expiration=1000000000", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=1000000000", "GET /v?ss_token=8cc02af77966ecd9dc71509f4524eb43&ss_expiration=4000000000", "GET /v?ss_token=d44291bc3a1389fbaa541debfa40434d&ss_expiration=1000000000"]
--- error_code eval
[410, 402, 402, 402]

=== TEST 14: what cannot be a token is malformed
--- http_config eval
$::P . "large_client_header_buffers 4 128k;"
--- config
location / { token_auth p; token_auth_status default=403 malformed=400 missing=401; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39", "GET /v?ss_expiration=4000000000", "GET /v?ss_token=&ss_expiration=4000000000", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=", "GET /v?ss_token=89EBEF16F7B05ED3AFF1D6E7C8D7DD39&ss_expiration=4000000000", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd390&ss_expiration=4000000000", "GET /v?ss_token=9aaa04e960d2773752d7847d391a5f78&ss_expiration=4000000000x", "GET /v?ss_token=e4e12357979f1ac87bdd685fa0d5aa96&ss_expiration=+4000000000", "GET /v?ss_token=55248024d3fafb05f1a6e57b84ed7810&ss_expiration=-1", "GET /v?ss_token=b9c0bb51bae4f606f74a37c6b9dd5e9f&ss_expiration=99999999999999999999", "GET /v?ss_token=" . "a" x 5000 . "&ss_expiration=4000000000", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=" . "4" x 5000, "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000&x=" . "x" x 65536, "GET /v?ss_token&ss_expiration", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39%00&ss_expiration=4000000000"]
--- error_code eval
[400, 401, 400, 400, 400, 400, 400, 400, 400, 400, 400, 400, 400, 401, 400]

=== TEST 15: an expiry may have leading zeros, and counts as signed
--- http_config eval: $::P
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v?ss_token=3d571a2bd389656d99dd218a37128a92&ss_expiration=04000000000", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=04000000000"]
--- error_code eval
[200, 403]

=== TEST 16: a carrier that comes twice is malformed, as for ScaleSimple's edge
--- http_config eval: $::P
--- config
location / { token_auth p; token_auth_status malformed=400; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v?ss_token=00&ss_expiration=1&ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000&ss_token=00", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000&ss_expiration=4000000000", "GET /v", "GET /v", "GET /v", "GET /v", "GET /v?ss_token=x&ss_token=y"]
--- more_headers eval
["", "", "", "Cookie: ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39; ss_expiration=4000000000; ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39", "Cookie: ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39; ss_expiration=4000000000\nCookie: ss_expiration=1", "X-SS-Token: 89ebef16f7b05ed3aff1d6e7c8d7dd39\nX-SS-Expiration: 4000000000\nX-SS-Token: x", "X-SS-Token: 89ebef16f7b05ed3aff1d6e7c8d7dd39\nX-SS-Expiration: 4000000000\nx-ss-expiration: 4000000000", "Cookie: ss_token=c8ca3bf775a06e976acf6cdc52b2e82d; ss_expiration=4000000000"]
--- error_code eval
[400, 400, 400, 400, 400, 400, 400, 200]

=== TEST 17: statuses: each reason's own, then `default`, else 403
--- http_config eval: $::P
--- config
token_auth p;
root html;
location /a { token_auth_status default=451 missing=401 malformed=400 expired=410; }
location /b { token_auth_status missing=444; }
location /c { }
--- request eval
["GET /a", "GET /a?ss_token=x", "GET /a?ss_token=bd894632d89fde3de16755bcac91a58d&ss_expiration=1000000000", "GET /a?ss_token=3818733f5e3a486b2947eaddeddc757c&ss_expiration=4000000000", "GET /c", "GET /c?ss_token=x", "GET /c?ss_token=e54807ac1909b45a956ea16f1260d6c9&ss_expiration=1000000000", "GET /c?ss_token=3818733f5e3a486b2947eaddeddc757c&ss_expiration=4000000000", "GET /b?ss_token=3818733f5e3a486b2947eaddeddc757c&ss_expiration=4000000000"]
--- user_files eval: $::Files
--- error_code eval
[401, 400, 410, 451, 403, 403, 403, 403, 403]

=== TEST 18: 444 closes the connection without a byte
--- http_config eval
$::P . 'log_format mine "$status $bytes_sent";'
--- config
access_log logs/access.log mine;
location / { token_auth p; token_auth_status missing=444; error_page 444 /v; root html; }
--- user_files eval: $::Files
--- request
GET /v
--- abort
--- access_log eval
qr/^444 0$/

=== TEST 19: statuses are replaced as a whole, not mixed with the inherited ones
--- http_config eval
$::P . "token_auth_status expired=410 missing=401;"
--- config
token_auth p;
root html;
location /a { token_auth_status missing=404; }
location /b { }
--- user_files eval: $::Files
--- request eval
["GET /a", "GET /a?ss_token=bd894632d89fde3de16755bcac91a58d&ss_expiration=1000000000", "GET /b", "GET /b?ss_token=dd17348f84d4b7b08d69af2920e37500&ss_expiration=1000000000"]
--- error_code eval
[404, 403, 401, 410]

=== TEST 20: inheritance: http, server, location, nested location, off
--- http_config eval
$::P . "token_profile q { format scalesimple; key file=key2; }
token_auth p;
server { listen 127.0.0.1:\$TEST_NGINX_RAND_PORT_1; root html; }"
--- config
root html;
location /a { location /a/b { } location /a/c { token_auth off; } location /a/d { token_auth q; location /a/d/e { } } }
location /far { rewrite ^/far(.*)$ $1 break; proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; token_auth off; }
--- user_files eval
$::Files . ">>> a/x\nx\n>>> a/b/x\nx\n>>> a/c/x\nx\n>>> a/d/x\nx\n>>> a/d/e/x\nx\n"
--- request eval
["GET /a/x", "GET /a/b/x", "GET /a/c/x", "GET /a/d/x?ss_token=83db7481b10eaab2853b18a5a7523111&ss_expiration=4000000000", "GET /a/d/x?ss_token=4b217591c699eff910cc879088b7f402&ss_expiration=4000000000", "GET /a/d/e/x?ss_token=7b454d111a9c440d8622da348d71cb06&ss_expiration=4000000000", "GET /a/b/x?ss_token=f8693996f1414a3785357329af342351&ss_expiration=4000000000", "GET /v", "GET /far/v", "GET /far/v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000"]
--- error_code eval
[403, 403, 200, 403, 200, 200, 200, 403, 403, 200]

=== TEST 21: an `if` and a `limit_except` inside a location do not lose the check
--- http_config eval: $::P
--- config
location / {
    token_auth p;
    root html;
    if ($arg_x) { add_header X-If yes; }
    limit_except GET { allow all; }
}
--- user_files eval: $::Files
--- request eval
["GET /v?x=1", "GET /v?x=1&ss_token=e2bc8e9ee79786d0decec8fb520298dd&ss_expiration=4000000000", "DELETE /v", "DELETE /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000"]
--- error_code eval
[403, 200, 403, 405]
--- response_headers eval
["! X-If", "X-If: yes", "! X-If", "! X-If"]

=== TEST 22: every method is checked, OPTIONS too
--- http_upstream: a
--- http_config eval: $::P
--- config
location / { token_auth p; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files eval: $::Files
--- request eval
["OPTIONS /v", "HEAD /v", "POST /v\nbody", "PUT /v\nbody", "OPTIONS /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "HEAD /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "POST /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000\nbody"]
--- error_code eval
[403, 403, 403, 403, 200, 200, 200]
--- response_body_like eval
["403", "", "403", "403", "OPTIONS /v HTTP", "", "POST /v HTTP.*\r\n\r\nbody\$"]

=== TEST 23: HTTP/1.0
--- http_config eval: $::P
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000 HTTP/1.0", "GET /v HTTP/1.0"]
--- error_code eval
[200, 403]

=== TEST 24: good and bad ones on one connection
--- http_config eval: $::P
--- config
location / { token_auth p; token_auth_status expired=410; root html; }
--- user_files eval: $::Files . ">>> w\nother\n"
--- pipelined_requests eval
["GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v", "GET /w?ss_token=630043a1f1a82f61d0738fb2066fc17b&ss_expiration=4000000000", "GET /w?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v?ss_token=e2ca171758b9e84dc9647034d5c4745b&ss_expiration=1000000000", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /w"]
--- error_code eval
[200, 403, 200, 403, 410, 200, 403]
--- response_body eval
["shown\n", qr/403/, "other\n", qr/403/, qr/410/, "shown\n", qr/403/]

=== TEST 25: many pipelined, each with its own header
--- http_config eval: $::P
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files
--- pipelined_requests eval
["GET /v", "GET /v", "GET /v"]
--- more_headers eval
["X-SS-Token: 89ebef16f7b05ed3aff1d6e7c8d7dd39\nX-SS-Expiration: 4000000000", "X-SS-Expiration: 4000000000", "Cookie: a=b; ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39; ss_expiration=4000000000"]
--- error_code eval
[200, 403, 200]

=== TEST 26: the variables, in `return`: the check without its consequence
--- http_config eval: $::P
--- config
location / { token_auth p; return 200 "$token_auth_status|$token_auth_profile|$token_auth_key_id|$token_auth_expires|$token_auth_action"; }
--- user_files eval: $::Files
--- request eval
["GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v", "GET /v?ss_token=e2ca171758b9e84dc9647034d5c4745b&ss_expiration=1000000000", "GET /v?ss_token=f75553d941eff28ced71f4ffabf9e337&ss_expiration=1000000000", "GET /v?ss_token=x"]
--- response_body eval
["ok|p|k1|4000000000|", "missing|p|||", "expired|p|k1|1000000000|", "invalid|p|||", "malformed|p|||"]
--- no_error_log
token refused

=== TEST 27: the variables where nothing is checked
--- http_config eval: $::P
--- config
location / { return 200 "$token_auth_status|$token_auth_profile|$token_auth_key_id|$token_auth_expires|$token_auth_action"; }
--- user_files eval: $::Files
--- request
GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000
--- response_body: ||||

=== TEST 28: guarding a `return` with `if`
--- http_config eval: $::P
--- config
location / {
    token_auth p;
    if ($token_auth_status != ok) { return 402; }
    return 200 "in";
}
--- user_files eval: $::Files
--- request eval
["GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v", "GET /v?ss_token=630043a1f1a82f61d0738fb2066fc17b&ss_expiration=4000000000"]
--- error_code eval
[200, 402, 402]

=== TEST 29: an `if` of the server reads the server's profile
--- http_config eval
$::P . "token_profile q { format scalesimple; key file=key2; }"
--- config
token_auth p;
if ($token_auth_status = expired) { return 410 "$token_auth_profile"; }
location / { token_auth q; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v?ss_token=e2ca171758b9e84dc9647034d5c4745b&ss_expiration=1000000000", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v?ss_token=8cc02af77966ecd9dc71509f4524eb43&ss_expiration=4000000000"]
--- error_code eval
[410, 403, 200]

=== TEST 30: the variables in a `map`, a header to the upstream, a header to the client and the log
--- http_upstream: a
--- http_config eval
$::P . 'map $token_auth_status $word { ok welcome; default "not $token_auth_status"; }
log_format mine "$uri $token_auth_status $token_auth_action $token_auth_profile $token_auth_key_id $token_auth_expires $word";'
--- config
access_log logs/access.log mine;
location / {
    token_auth p;
    add_header X-Word $word always;
    proxy_set_header X-Status "$token_auth_status $token_auth_key_id $token_auth_expires $token_auth_action";
    proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A;
}
--- user_files eval: $::Files
--- request eval
["GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /w", "GET /x?ss_token=95cdd62a92556467022f88d82de6f8e2&ss_expiration=1000000000"]
--- error_code eval
[200, 403, 403]
--- response_headers eval
["X-Word: welcome", "X-Word: not missing", "X-Word: not expired"]
--- response_body_like eval
["X-Status: ok k1 4000000000 allowed\r\n", "403", "403"]
--- access_log
/v ok allowed p k1 4000000000 welcome
/w missing refused p - - not missing
/x expired refused p k1 1000000000 not expired

=== TEST 31: dry run: checked, logged, refused to nobody
--- http_config eval
$::P . 'log_format mine "$uri $token_auth_status $token_auth_action";'
--- config
access_log logs/access.log mine;
location / { token_auth p; token_auth_dry_run on; root html; }
--- user_files eval: $::Files . ">>> w\nother\n>>> x\nx\n"
--- request eval
["GET /v", "GET /w?ss_token=f75553d941eff28ced71f4ffabf9e337&ss_expiration=1000000000", "GET /x?ss_token=3818733f5e3a486b2947eaddeddc757c&ss_expiration=4000000000"]
--- error_code eval
[200, 200, 200]
--- response_headers eval
["! Cache-Control", "! Cache-Control", "! Cache-Control"]
--- error_log eval
[qr/\[error\] \d+#\d+: \*\d+ dry run, token refused: missing, profile "p", client: /, qr/\[error\] \d+#\d+: \*\d+ dry run, token refused: expired, profile "p", key "k1", client: /]
--- access_log
/v missing dry_run
/w expired dry_run
/x ok dry_run

=== TEST 32: dry run is inherited and can be ended
--- http_config eval
$::P . "token_auth_dry_run on;"
--- config
token_auth p;
root html;
location /live { token_auth_dry_run off; }
--- user_files eval: $::Files . ">>> live\nx\n"
--- request eval
["GET /v", "GET /live"]
--- error_code eval
[200, 403]

=== TEST 33: `token_auth $variable`: profiles by name
--- http_config eval
$::P . "token_profile q { format scalesimple; key file=key2; }
map \$http_host \$profile { a.test p; b.test q; }"
--- config
location / { token_auth $profile; root html; add_header X-Profile $token_auth_profile always; }
--- user_files eval: $::Files
--- request eval
["GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v?ss_token=8cc02af77966ecd9dc71509f4524eb43&ss_expiration=4000000000"]
--- more_headers eval
["Host: a.test", "Host: b.test", "Host: b.test"]
--- error_code eval
[200, 403, 200]
--- response_headers eval
["X-Profile: p", "X-Profile: q", "X-Profile: q"]

=== TEST 34: `token_auth $variable`: data never switches a check off
--- http_config eval: $::P
--- config
location / { token_auth $http_profile; root html; }
location /dry { token_auth $http_profile; token_auth_dry_run on; root html; }
location /part { token_auth "p$http_profile"; root html; }
location /any { token_auth $http_profile; satisfy any; allow all; root html; }
--- user_files eval: $::Files . ">>> dry\nx\n>>> part\nx\n>>> any\nx\n"
--- request eval
["GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /dry?ss_token=f13a2c0f44a0cbc1ad2d0bbf938f2268&ss_expiration=4000000000", "GET /part?ss_token=26e006dd1da0f3327622aa19bf0cb2cc&ss_expiration=4000000000", "GET /part?ss_token=26e006dd1da0f3327622aa19bf0cb2cc&ss_expiration=4000000000", "GET /any?ss_token=3f4533a03f20836b48babf769306b1c4&ss_expiration=4000000000"]
--- more_headers eval
["", "Profile: off", "Profile: nobody", "Profile: P", "Profile: p\xff", "Profile: off", "", "Profile: 1", ""]
--- error_code eval
[500, 500, 500, 500, 500, 500, 200, 500, 500]
--- error_log eval
[qr/\[error\] .*token_auth: unknown token_profile ""/, qr/\[error\] .*token_auth: unknown token_profile "off"/, qr/\[error\] .*token_auth: unknown token_profile "nobody"/, qr/\[error\] .*token_auth: unknown token_profile "p1"/]

=== TEST 35: the log line of a refusal, whole
--- http_config eval: $::P
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files
--- request
GET /v?ss_token=e2ca171758b9e84dc9647034d5c4745b&ss_expiration=1000000000
--- error_code: 403
--- error_log eval
qr{^\d\d\d\d/\d\d/\d\d \d\d:\d\d:\d\d \[error\] \d+#\d+: \*\d+ token refused: expired, profile "p", key "k1", client: 127\.0\.0\.1, server: localhost, request: "GET /v\?}

=== TEST 36: no id, no key in the line
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files
--- request
GET /v?ss_token=e2ca171758b9e84dc9647034d5c4745b&ss_expiration=1000000000
--- error_code: 403
--- error_log
token refused: expired, profile "p", client:

=== TEST 37: levels of the line
--- http_config eval: $::P
--- config
token_auth p;
root html;
location /info { token_auth_log_level info; }
location /notice { token_auth_log_level notice; }
location /warn { token_auth_log_level warn; }
location /error { token_auth_log_level error; }
--- user_files eval: $::Files
--- request eval
["GET /info", "GET /notice", "GET /warn", "GET /error"]
--- error_code eval
[403, 403, 403, 403]
--- error_log eval
[qr{\[info\] .*token refused: missing.*GET /info}, qr{\[notice\] .*token refused: missing.*GET /notice}, qr{\[warn\] .*token refused: missing.*GET /warn}, qr{\[error\] .*token refused: missing.*GET /error}]

=== TEST 38: a line below the log's level is not written
--- http_config eval: $::P
--- config
location / { token_auth p; token_auth_log_level info; root html; }
--- log_level: notice
--- user_files eval: $::Files
--- request
GET /v
--- error_code: 403
--- no_error_log
token refused

=== TEST 39: refusals are not for caches, accepted answers are left alone
--- http_config eval: $::P
--- config
location / { token_auth p; token_auth_status expired=410 malformed=451; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v", "GET /v?ss_token=e2ca171758b9e84dc9647034d5c4745b&ss_expiration=1000000000", "GET /v?ss_token=x", "HEAD /v", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /none?ss_token=d1f8d372285749baca38acc1e44cabff&ss_expiration=4000000000"]
--- error_code eval
[403, 410, 451, 403, 200, 404]
--- response_headers eval
["Cache-Control: no-store", "Cache-Control: no-store", "Cache-Control: no-store", "Cache-Control: no-store", "! Cache-Control", "! Cache-Control"]

=== TEST 40: `no-store` also on the page `error_page` shows, wherever it comes from
--- http_upstream: a
--- http_config eval: $::P
--- config
error_page 403 /denied.html;
error_page 410 = @gone;
error_page 451 =200 /soft.html;
location / { token_auth p; token_auth_status expired=410 malformed=451; root html; }
location @gone { proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files eval: $::Files . ">>> denied.html\ndenied\n>>> soft.html\nsoft\n"
--- request eval
["GET /v", "GET /v?ss_token=e2ca171758b9e84dc9647034d5c4745b&ss_expiration=1000000000", "GET /v?ss_token=x", "GET /denied.html?ss_token=a407b7bb8109563f4376e0e324ea76b8&ss_expiration=4000000000"]
--- error_code eval
[403, 200, 200, 200]
--- response_headers eval
["Cache-Control: no-store", "Cache-Control: no-store", "Cache-Control: no-store", "! Cache-Control"]
--- response_body_like eval
["^denied\n\$", "^name=a\nGET /v HTTP", "^soft\n\$", "^denied\n\$"]

=== TEST 41: an error_page that goes elsewhere
--- http_config eval: $::P
--- config
error_page 403 =302 https://login.example/?from=$uri;
location / { token_auth p; root html; }
--- user_files eval: $::Files
--- request
GET /v?ss_token=630043a1f1a82f61d0738fb2066fc17b&ss_expiration=4000000000
--- error_code: 302
--- response_headers
Location: https://login.example/?from=/v
Cache-Control: no-store

=== TEST 42: secure_link by its own names
--- http_config
token_profile p { format secure_link; key file=key; message "{expires}$uri {key}"; }
--- config
location / { token_auth p; token_auth_status expired=410; root html; }
--- user_files eval: $::Files . ">>> a,b\ncomma\n"
--- request eval
["GET /v?md5=4UNws-WY49N31dgOiwv9hQ&expires=4000000000", "GET /v", "GET /v", "GET /a%2Cb?expires=4000000000&md5=0wba2ffCIno9l80loESd3g", "GET /v?md5=wPwu39oNYCHCPDjCjHZ4vg&expires=1000000000", "GET /v?md5=4UNws-WY49N31dgOiwv9hQ&expires=4000000001", "GET /v?md5=4UNws-WY49N31dgOiwv9hQ", "GET /x/../v?md5=4UNws-WY49N31dgOiwv9hQ&expires=4000000000"]
--- more_headers eval
["", "Cookie: md5=4UNws-WY49N31dgOiwv9hQ; expires=4000000000", "X-Secure-Link: 4UNws-WY49N31dgOiwv9hQ,4000000000", "", "", "", "", ""]
--- error_code eval
[200, 200, 200, 200, 410, 403, 403, 200]

=== TEST 43: secure_link: a hash has one spelling, but for its padding
--- http_config
token_profile p { format secure_link; key file=key; message "{expires}$uri {key}"; }
--- config
location / { token_auth p; token_auth_status malformed=400; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v?md5=4UNws-WY49N31dgOiwv9hQ&expires=4000000000", "GET /v?md5=4UNws-WY49N31dgOiwv9hQ==&expires=4000000000", "GET /v?md5=4UNws-WY49N31dgOiwv9hR&expires=4000000000", "GET /v?md5=4UNws-WY49N31dgOiwv9hQ===&expires=4000000000", "GET /v?md5=4UNws-WY49N31dgOiwv9hQA&expires=4000000000", "GET /v?md5=4UNws-WY49N31dgOiwv9h&expires=4000000000", "GET /v?md5=4UNWS-WY49N31DGOIWV9HQ&expires=4000000000", "GET /v?md5=&expires=4000000000", "GET /v?md5=4UNws-WY49N31dgOiwv9hQ&expires=4000000000&md5=x", "GET /v?md5=4UNws-WY49N31dgOiwv9hQ&expires=0", "GET /v?md5=4UNws-WY49N31dgOiwv9hQ&expires=-4000000000"]
--- error_code eval
[200, 200, 400, 400, 400, 400, 403, 400, 200, 400, 400]

=== TEST 44: secure_link without an expiry never ends
--- http_config
token_profile p { format secure_link; key file=key; from query=s path; message "$uri {key}"; }
--- config
location / { token_auth p; root html; add_header X-Expires "[$token_auth_expires]"; }
--- user_files eval: $::Files
--- request eval
["GET /v?s=dh1sxc3DZtM87fvyHriaYQ", "GET /dh1sxc3DZtM87fvyHriaYQ/v", "GET /v?s=etjrzuDptcWi9XMZKNHCHQ"]
--- error_code eval
[200, 200, 403]
--- response_headers eval
["X-Expires: []", "X-Expires: []", "! X-Expires"]

=== TEST 45: secure_link, whose message may leave the expiry out: it counts all the same
--- http_config
token_profile p { format secure_link; key file=key; from query=s; message "{expires}$uri {key}"; require_exp on; }
--- config
location / { token_auth p; token_auth_status expired=410 malformed=400; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v?s=4UNws-WY49N31dgOiwv9hQ,4000000000", "GET /v?s=dh1sxc3DZtM87fvyHriaYQ", "GET /v?s=wPwu39oNYCHCPDjCjHZ4vg,1000000000"]
--- error_code eval
[200, 400, 410]

=== TEST 46: secure_link whose message has no `{key}` is an HMAC, with every key
--- http_config
token_profile p { format secure_link; key id=1 file=key; key id=2 file=key2; message "$uri|{expires}"; }
--- config
location / { token_auth p; root html; add_header X-Key $token_auth_key_id; }
--- user_files eval: $::Files
--- request eval
["GET /v?md5=nLX7Fv8fZ19pvejz8LMfYA&expires=4000000000", "GET /v?md5=DpFVoA51ltQUvTyERDyuqQ&expires=4000000000", "GET /v?md5=sO1DtRaE6Jx_B6rb1X9aTg&expires=4000000000", "GET /v?md5=w71wdrCuPdLwizVfCKLZ0A&expires=4000000000"]
--- error_code eval
[200, 200, 403, 403]
--- response_headers eval
["X-Key: 1", "X-Key: 2", "! X-Key", "! X-Key"]

=== TEST 47: a message is evaluated against the request as received
--- http_config
token_profile p { format secure_link; key file=key; message "$uri|$args|$request_uri|$arg_a|$http_x_device|{expires} {key}"; }
--- config
rewrite ^/pretty/(.*)$ /$1?b=2 last;
location / { token_auth p; root html; add_header X-Now "$uri $args $request_uri"; }
--- user_files eval: $::Files
--- request eval
["GET /pretty/v?a=1&md5=Is9Tb-AZ5botrgU1sSNe3A&expires=4000000000"]
--- more_headers
X-Device: tv
--- error_code eval
[403]

=== TEST 48: a message with a `map`: one token for a whole directory
--- http_config
map $uri $dir { ~^(?<to>/.*/)[^/]*$ $to; }
token_profile p { format secure_link; key file=key; from cookie=dir; message "{expires}$dir {key}"; }
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files . ">>> hls/a.m3u8\nlist\n>>> hls/1.ts\nsegment\n"
--- request eval
["GET /hls/a.m3u8", "GET /hls/1.ts?x=1", "GET /v", "GET /hls/../v", "GET /hls/%2e%2e/v", "GET /other/../hls/1.ts"]
--- more_headers
Cookie: dir=7BIEcbQLjgKhoZSD6T4cbQ,4000000000
--- error_code eval
[200, 200, 403, 403, 403, 200]

=== TEST 49: a message with the client's address, as realip sees it
--- http_config
token_profile p { format secure_link; key file=key; message "{expires}$uri$remote_addr {key}"; }
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v?md5=NLTI8LA8OiQs2EVxaU0hJQ&expires=4000000000", "GET /v?md5=NLTI8LA8OiQs2EVxaU0hJQ&expires=4000000000", "GET /v?md5=gZbRnWlQt0bTtHsxFvzl_A&expires=4000000000"]
--- more_headers eval
["X-Real-IP: 10.0.0.1", "X-Real-IP: 10.0.0.2", "X-Real-IP: 2001:DB8:0::1"]
--- error_code eval
[200, 403, 200]

=== TEST 50: what was read before realip is not what is enforced
--- http_config
token_profile p { format secure_link; key file=key; message "{expires}$uri$remote_addr {key}"; }
--- config
token_auth p;
set $early $token_auth_status;
location / {
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;
    root html;
    add_header X-Early "$early $token_auth_status" always;
}
--- user_files eval: $::Files
--- request eval
["GET /v?md5=NLTI8LA8OiQs2EVxaU0hJQ&expires=4000000000", "GET /v?md5=pSaM1suJzg5HSQCjVN8gIQ&expires=4000000000"]
--- more_headers eval
["X-Real-IP: 10.0.0.1", "X-Real-IP: 10.0.0.1"]
--- error_code eval
[200, 403]
--- response_headers eval
["X-Early: invalid ok", "X-Early: ok invalid"]

=== TEST 51: a secret or an expected token is nowhere to be seen
--- http_upstream: a
--- http_config eval
$::P . "token_profile s { format secure_link; key file=key; message '{expires}\$uri {key}'; }
token_profile h { format secure_link; key file=key; message '{expires}\$uri'; }"
--- config
location / { token_auth p; token_auth_dry_run on; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
location /s { token_auth s; token_auth_dry_run on; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
location /h { token_auth h; token_auth_dry_run on; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- log_level: debug
--- user_files eval: $::Files
--- request eval
["GET /v?ss_token=00000000000000000000000000000000&ss_expiration=4000000000", "GET /s?md5=AAAAAAAAAAAAAAAAAAAAAA&expires=4000000000", "GET /h?md5=AAAAAAAAAAAAAAAAAAAAAA&expires=4000000000"]
--- response_body_unlike eval
["key-one|89ebef16f7b05ed3aff1d6e7c8d7dd39", "key-one|OEW9IvtvR7WgW5-gI8v9hw", "key-one|4Fhz0hJjV55YSJe_Z2UboQ"]
--- raw_response_headers_unlike eval
["key-one|89ebef16f7b05ed3aff1d6e7c8d7dd39", "key-one|OEW9IvtvR7WgW5-gI8v9hw", "key-one|4Fhz0hJjV55YSJe_Z2UboQ"]
--- error_log
dry run, token refused: invalid, profile "p"
dry run, token refused: invalid, profile "s"
dry run, token refused: invalid, profile "h"
--- no_error_log
key-one
89ebef16f7b05ed3aff1d6e7c8d7dd39
OEW9IvtvR7WgW5-gI8v9hw
4Fhz0hJjV55YSJe_Z2UboQ

=== TEST 52: the check costs a stranger's request nothing: a module that is loaded but not used
--- config
location / { root html; }
--- user_files eval: $::Files
--- request
GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000
--- response_body
shown
--- response_headers
! Cache-Control

=== TEST 53: what is no request, or ends before the check, is logged without a fault
--- http_config eval
$::P . 'md5_hash $m "$request_uri|$http_x"; token_auth p;
log_format mine "$status [$token_auth_status] [$token_auth_action] [$token_auth_key_id] [$token_auth_expires] [$token_auth_profile] $m";'
--- config
access_log logs/access.log mine;
location / { root html; }
--- user_files eval: $::Files
--- raw_request eval
["NO REQUEST AT ALL\r\n\r\n"]
--- error_code: 400
--- access_log eval
qr/^400 \[missing\] \[-?\] \[-?\] \[-?\] \[p\] b99834bc19bbad24580b3adfa04fb947$/

=== TEST 54: a header nginx refuses ends the request before the check
--- http_config eval
$::P . 'token_auth p;
log_format mine "$status [$token_auth_status] [$token_auth_action]";'
--- config
access_log logs/access.log mine;
location / { root html; }
--- user_files eval: $::Files
--- raw_request eval
["GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"]
--- error_code: 400
--- access_log eval
qr/^400 \[(ok|missing)\] \[-?\]$/

=== TEST 55: a WebSocket passes with a token, and the backend does not see it
--- ws_upstream: echo
--- http_config eval: $::P
--- config
location / {
    token_auth p;
    proxy_pass http://127.0.0.1:$TEST_NGINX_WS_PORT;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection upgrade;
}
--- user_files eval: $::Files
--- ws_connect: /chat?room=1&ss_token=c357c6a39c9dfd25eba5ec6529c5e25d&ss_expiration=4000000000
--- ws_script
send text "?headers"
recv text like /^GET \/chat\?room=1 HTTP\/1\.1\r\n/
send text "hello"
recv text "hello"
send close 1000 "done"
recv close 1000
recv eof

=== TEST 56: a WebSocket whose token stands in a cookie
--- ws_upstream: echo
--- http_config eval: $::P
--- config
location / {
    token_auth p;
    proxy_pass http://127.0.0.1:$TEST_NGINX_WS_PORT;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection upgrade;
}
--- user_files eval: $::Files
--- ws_connect: /chat
--- ws_headers
Cookie: a=1; ss_token=3b77519afc89883264762fe09d945b15; ss_expiration=4000000000; b=2
--- ws_script
send text "?headers"
recv text like /\r\nCookie: a=1; b=2\r\n/
drop

=== TEST 57: a WebSocket without a token is refused before it is one
--- ws_upstream: echo
--- http_config eval: $::P
--- config
location / {
    token_auth p;
    proxy_pass http://127.0.0.1:$TEST_NGINX_WS_PORT;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection upgrade;
}
--- user_files eval: $::Files
--- ws_connect: /chat
--- ws_error_code: 403
--- response_headers
Cache-Control: no-store
! Upgrade
--- error_log
token refused: missing, profile "p"

=== TEST 58: a line longer than the log takes is cut, and the request refused all the same
--- http_config eval: "token_profile " . "\xc3\xa9" x 1500 . " { format scalesimple; key file=key; }"
--- config eval: "location / { satisfy any; token_auth " . "\xc3\xa9" x 1500 . "; deny all; root html; }"
--- user_files eval: $::Files
--- request eval
["GET /v", "GET /w"]
--- error_code eval
[403, 403]
--- error_log eval
[qr{token refused: missing, profile "(\xc3\xa9){900}}]
