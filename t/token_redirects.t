# Tokens and nginx's ways from one location to another; the request stays the one received.
use Test::Nginx::Socket 'no_plan';

# How the tokens here are made is said in t/token.t.
our $P = "token_profile p { format scalesimple; key id=k1 file=key; }\n" . 'log_format mine "$uri $status $token_auth_status $token_auth_action $token_auth_profile";';
our $Files = ">>> ../conf/key\nkey-one\n>>> ../conf/key2\nkey-two\n>>> v\nshown\n";

no_long_string();
run_tests();

__DATA__

=== TEST 1: `index`: a directory's link, accepted once
--- http_config eval: $::P
--- config
access_log logs/access.log mine;
token_auth p;
location / { root html; }
location /d/index.html { root html; add_header X-Args "[$args]"; }
--- user_files eval
$::Files . ">>> d/index.html\nindex\n"
--- request eval
["GET /d/?a=1&ss_token=6b3a536c25f15aa9dea2c4161115faee&ss_expiration=4000000000", "GET /d/", "GET /d/?ss_token=c4d33bb3faacf14776b7df3335cce26d&ss_expiration=4000000000"]
--- error_code eval
[200, 403, 403]
--- response_headers eval
["X-Args: [a=1]", "! X-Args", "! X-Args"]
--- response_body eval
["index\n", qr/403/, qr/403/]
--- access_log
/d/index.html 200 ok allowed p

=== TEST 2: `try_files` to a file, to a URI and to a named location
--- http_upstream: a
--- http_config eval: $::P
--- config
token_auth p;
root html;
location /one/ { try_files /v =404; }
location /two/ { try_files /none /v; }
location /three/ { try_files /none @app; }
location /four/ { try_files $uri =404; }
location @app { proxy_http_version 1.0; proxy_set_header Host up; proxy_set_header Connection close; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files eval: $::Files
--- request eval
["GET /one/?ss_token=7645c677180d7543f193c04a71761b70&ss_expiration=4000000000", "GET /two/?ss_token=6401d5af731d3cc3d7d67d4bd9b09860&ss_expiration=4000000000", "GET /three/?a&ss_token=d62edface099ab9f0af72a00e41150d0&ss_expiration=4000000000", "GET /four/?ss_token=1d237634803fd056d68dbcd5c393138d&ss_expiration=4000000000", "GET /one/", "GET /two/", "GET /three/"]
--- error_code eval
[200, 200, 200, 404, 403, 403, 403]
--- response_body_like eval
["^shown\$", "^shown\$", "GET /three/\\?a HTTP/1.0\r\nHost: up\r\nConnection: close\r\n\r\n\$", "404", "403", "403", "403"]

=== TEST 3: the page of our own refusal is shown, also where it is protected
--- http_config eval: $::P
--- config
access_log logs/access.log mine;
token_auth p;
token_auth_status expired=410;
error_page 410 /expired.html;
error_page 403 /denied.html;
root html;
--- user_files eval
$::Files . ">>> expired.html\nold\n>>> denied.html\nno\n"
--- request eval
["GET /v?ss_token=e2ca171758b9e84dc9647034d5c4745b&ss_expiration=1000000000", "GET /v", "GET /v?ss_token=630043a1f1a82f61d0738fb2066fc17b&ss_expiration=4000000000", "GET /expired.html", "GET /expired.html?ss_token=bfca7939e9d5b81ce6a9b10452f9097b&ss_expiration=4000000000"]
--- error_code eval
[410, 403, 403, 403, 200]
--- response_body eval
["old\n", "no\n", "no\n", "no\n", "old\n"]
--- access_log
/expired.html 410 expired refused p
/denied.html 403 missing refused p
/denied.html 403 invalid refused p
/expired.html 200 ok allowed p

=== TEST 4: each refusal is logged once, whatever follows it
--- http_upstream: a
--- http_config eval: $::P
--- config
token_auth p;
error_page 403 /denied.html;
location / { root html; }
location = /denied.html { root html; try_files /none @shown; }
location @shown { proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
location = /count { token_auth off; root logs; try_files /../logs/error.log =404; }
--- user_files eval
$::Files . ">>> denied.html\nno\n"
--- request eval
["GET /v", "GET /count"]
--- error_code eval
[403, 200]
--- response_body_like eval
["GET /denied.html HTTP", "^[^\\n]*(\\n(?![^\\n]*token refused)[^\\n]*)*\\n[^\\n]*token refused: missing(?!.*token refused)"]

=== TEST 5: a page in a location without a check
--- http_config eval: $::P
--- config
access_log logs/access.log mine;
error_page 403 = /open/denied.html;
location / { token_auth p; root html; }
location /open/ { root html; }
--- user_files eval
$::Files . ">>> open/denied.html\nno\n"
--- request
GET /v
--- response_body
no
--- access_log
/open/denied.html 200 missing refused p

=== TEST 6: error pages of others do not open a protected location
--- http_config eval: $::P
--- config
error_page 404 /v;
error_page 418 /v;
location / { root html; }
location = /v { token_auth p; root html; }
location = /teapot { return 418; }
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /teapot", "GET /none?ss_token=d1f8d372285749baca38acc1e44cabff&ss_expiration=4000000000"]
--- error_code eval
[403, 403, 404]
--- response_body eval
[qr/403 Forbidden/, qr/403 Forbidden/, "shown\n"]

=== TEST 7: the page of a refusal is not refused by another profile either
--- http_config eval
$::P . "token_profile q { format scalesimple; key file=key2; }"
--- config
access_log logs/access.log mine;
error_page 403 /secret;
location / { token_auth p; root html; }
location = /secret { token_auth q; root html; }
--- user_files eval
$::Files . ">>> secret\nsecret\n"
--- request eval
["GET /v", "GET /secret", "GET /secret?ss_token=9942475911f58fb1e5789d8054fccf2a&ss_expiration=4000000000"]
--- error_code eval
[403, 403, 200]
--- response_body eval
["secret\n", "secret\n", "secret\n"]

=== TEST 8: a named location of an accepted request, with the error of an upstream
--- http_upstream: a
--- http_config eval: $::P
--- config
token_auth p;
location / { proxy_intercept_errors on; error_page 503 = @fallback; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
location @fallback { root html; try_files /v =404; }
--- user_files eval: $::Files
--- request eval
["GET /status/503?ss_token=19e659deb08a6eddf9a9e99a48e6d770&ss_expiration=4000000000", "GET /status/503"]
--- error_code eval
[200, 403]
--- response_body eval
["shown\n", qr/403/]

=== TEST 9: X-Accel-Redirect of an accepted request
--- http_config eval
$::P . 'server { listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1; location / { add_header X-Accel-Redirect /internal/v; return 200; } }'
--- config
token_auth p;
location / { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
location /internal/ { internal; alias html/; }
--- user_files eval: $::Files
--- request eval
["GET /any?ss_token=3f4533a03f20836b48babf769306b1c4&ss_expiration=4000000000", "GET /any", "GET /internal/v?ss_token=bd30d754e316ece227d1d56897789c45&ss_expiration=4000000000"]
--- error_code eval
[200, 403, 404]
--- response_body eval
["shown\n", qr/403/, qr/404/]

=== TEST 10: a second profile in the target judges the request as received
--- http_config eval
$::P . "token_profile q { format secure_link; key file=key2; message '{expires}\$uri {key}'; }"
--- config
access_log logs/access.log mine;
root html;
location /d/ { token_auth p; }
location = /d/index.html { token_auth q; }
--- user_files eval
$::Files . ">>> d/index.html\nindex\n"
--- request eval
["GET /d/?md5=xjVo0UUcCfqiklS-FndbAA&expires=4000000000&ss_token=4bdb4e20316886226323dbd18145ac53&ss_expiration=4000000000", "GET /d/?ss_token=e352f486570f4ee403141aeefb1d31aa&ss_expiration=4000000000"]
--- error_code eval
[200, 403]
--- error_log
token refused: missing, profile "q"

=== TEST 11: a second profile finds its token though the first has stripped the same names
--- http_config eval
$::P . "token_profile q { format scalesimple; key file=key; }"
--- config
access_log logs/access.log mine;
root html;
location /d/ { token_auth p; }
location = /d/index.html { token_auth q; }
--- user_files eval
$::Files . ">>> d/index.html\nindex\n"
--- request eval
["GET /d/?ss_token=e352f486570f4ee403141aeefb1d31aa&ss_expiration=4000000000", "GET /d/", "GET /d/"]
--- more_headers eval
["", "Cookie: a=1; ss_token=e352f486570f4ee403141aeefb1d31aa; ss_expiration=4000000000", "X-SS-Token: e352f486570f4ee403141aeefb1d31aa\nX-SS-Expiration: 4000000000"]
--- error_code eval
[200, 200, 200]
--- access_log
/d/index.html 200 ok allowed q

=== TEST 12: a second profile refuses what the first accepted
--- http_config eval
$::P . "token_profile q { format scalesimple; key file=key2; }"
--- config
access_log logs/access.log mine;
root html;
location /d/ { token_auth p; }
location = /d/index.html { token_auth q; }
--- user_files eval
$::Files . ">>> d/index.html\nindex\n"
--- request
GET /d/?ss_token=e352f486570f4ee403141aeefb1d31aa&ss_expiration=4000000000
--- error_code: 403
--- access_log
/d/index.html 403 invalid refused q
--- error_log
token refused: invalid, profile "q"

=== TEST 13: an unprotected entrance does not open a protected target
--- http_config eval: $::P
--- config
root html;
location /d/ { }
location = /d/index.html { token_auth p; }
location /try/ { try_files /none /v; }
location = /v { token_auth p; }
--- user_files eval
$::Files . ">>> d/index.html\nindex\n"
--- request eval
["GET /d/", "GET /try/", "GET /d/?ss_token=e352f486570f4ee403141aeefb1d31aa&ss_expiration=4000000000", "GET /try/x?ss_token=2f5925fa8f7ad159f98a2be9a6b17c05&ss_expiration=4000000000", "GET /d/?ss_token=c4d33bb3faacf14776b7df3335cce26d&ss_expiration=4000000000"]
--- error_code eval
[403, 403, 200, 200, 403]

=== TEST 14: a protected entrance and an open target
--- http_config eval: $::P
--- config
access_log logs/access.log mine;
root html;
location /d/ { token_auth p; }
location = /d/index.html { token_auth off; }
--- user_files eval
$::Files . ">>> d/index.html\nindex\n"
--- request eval
["GET /d/", "GET /d/?ss_token=e352f486570f4ee403141aeefb1d31aa&ss_expiration=4000000000", "GET /d/index.html"]
--- error_code eval
[403, 200, 200]
--- access_log
/d/index.html 200 ok allowed p

=== TEST 15: documented: `return` acts before the check
--- http_config eval: $::P
--- config
location / { token_auth p; return 204; }
location /guarded { token_auth p; if ($token_auth_status != ok) { return 403; } return 204; }
--- user_files eval: $::Files
--- request eval
["GET /v", "GET /guarded", "GET /guarded?ss_token=767c1338ed8ff70df80e6bb218c00678&ss_expiration=4000000000"]
--- error_code eval
[204, 403, 204]

=== TEST 16: documented: `rewrite … last` leaves the check to the target
--- http_config eval: $::P
--- config
root html;
location /old/ { token_auth p; rewrite ^/old/(.*)$ /$1 last; }
location /new/ { rewrite ^/new/(.*)$ /p/$1 last; }
location /p/ { token_auth p; }
--- user_files eval
$::Files . ">>> p/v\nprotected\n"
--- request eval
["GET /old/v", "GET /new/v", "GET /new/v?ss_token=6e72ee4ccaad75bd0da91b19788a3d52&ss_expiration=4000000000", "GET /new/v?ss_token=eaa675c74ccfab23cb305ff4c77cb258&ss_expiration=4000000000"]
--- error_code eval
[200, 403, 200, 403]

=== TEST 17: documented: subrequests are not checked
--- http_config eval: $::P
--- config
root html;
location / { ssi on; ssi_types text/plain; }
location /p/ { token_auth p; }
location /all { token_auth p; ssi on; ssi_types text/plain; }
--- user_files eval
$::Files . ">>> page\n[<!--#include virtual=\"/p/v\" -->]\n>>> all\n[<!--#include virtual=\"/p/v\" -->]\n>>> p/v\nprotected\n"
--- request eval
["GET /page", "GET /p/v", "GET /all?ss_token=526962427c6c31297b316796ad681ea6&ss_expiration=4000000000", "GET /all"]
--- error_code eval
[200, 403, 200, 403]
--- response_body eval
["[protected\n]\n", qr/403/, "[protected\n]\n", qr/403/]

=== TEST 18: variables in a subrequest are the main request's
--- http_config eval: $::P
--- config
root html;
location / { ssi on; ssi_types text/plain; }
location = /page { token_auth p; ssi on; ssi_types text/plain; }
location /part { return 200 "$token_auth_status $token_auth_profile $token_auth_expires"; }
--- user_files eval
$::Files . ">>> page\n[<!--#include virtual=\"/part\" -->]\n>>> free\n[<!--#include virtual=\"/part\" -->]\n"
--- request eval
["GET /page?ss_token=cc2ad5a1421291eb93f8e69a6bfafd13&ss_expiration=4000000000", "GET /free?ss_token=c468a7a9d787a36fb351f45f6827384a&ss_expiration=4000000000"]
--- response_body eval
["[ok p 4000000000]\n", "[  ]\n"]

=== TEST 19: an `auth_request` beside a token: both must agree
--- http_config eval: $::P
--- config
token_auth p;
location / { auth_request /auth; root html; }
location = /auth { internal; if ($http_x_user = ann) { return 204; } return 401; }
--- user_files eval: $::Files
--- request eval
["GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v"]
--- more_headers eval
["X-User: ann", "", "X-User: ann"]
--- error_code eval
[200, 401, 403]

=== TEST 20: `post_action`, `mirror` and a slice of an accepted request are not asked for a token
--- http_upstream: a
--- http_config eval: $::P
--- config
token_auth p;
location / { mirror /mirror; root html; }
location = /mirror { internal; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A$request_uri; }
--- user_files eval: $::Files
--- request
GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000
--- response_body
shown
--- no_error_log
token refused

=== TEST 21: a path token, then `index` and an error page
--- http_config eval
$::P . "token_profile pp { format scalesimple; key file=key; from path; }"
--- config
access_log logs/access.log mine;
token_auth pp;
error_page 404 /none.html;
root html;
--- user_files eval
$::Files . ">>> d/index.html\nindex\n>>> none.html\nnone\n"
--- request eval
["GET /e352f486570f4ee403141aeefb1d31aa,4000000000/d/", "GET /3818733f5e3a486b2947eaddeddc757c,4000000000/x", "GET /e352f486570f4ee403141aeefb1d31aa,4000000000/v"]
--- error_code eval
[200, 404, 403]
--- response_body eval
["index\n", "none\n", qr/403/]
--- access_log
/d/index.html 200 ok allowed pp
/none.html 404 ok allowed pp
--- error_log
open()

=== TEST 22: an internal redirect of a POST with its body
--- http_upstream: a
--- http_config eval: $::P
--- config
token_auth p;
location / { try_files /none @app; }
location @app { proxy_http_version 1.0; proxy_set_header Host up; proxy_set_header Connection close; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files eval: $::Files
--- request eval
["POST /up?ss_token=b585aafe97cd810829b459c9e63f992c&ss_expiration=4000000000\nbody"]
--- error_code eval
[200]
--- response_body eval
["name=a\nPOST /up HTTP/1.0\r\nHost: up\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody"]

=== TEST 23: `satisfy all`: a token and an address
--- http_config eval: $::P
--- config
root html;
location / { token_auth p; allow 127.0.0.1; deny all; }
location /d/ { token_auth p; deny all; }
--- user_files eval
$::Files . ">>> d/v\nx\n"
--- request eval
["GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v", "GET /d/v?ss_token=eb1873f9b06d60ce39e6333e91b376df&ss_expiration=4000000000"]
--- error_code eval
[200, 403, 403]
--- error_log
access forbidden by rule

=== TEST 24: `satisfy any`: a token or an address
--- http_config eval: $::P
--- config
root html;
satisfy any;
location / { token_auth p; allow 127.0.0.1; deny all; }
location /d/ { token_auth p; deny all; }
--- user_files eval
$::Files . ">>> d/v\nx\n"
--- request eval
["GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v", "GET /v?ss_token=630043a1f1a82f61d0738fb2066fc17b&ss_expiration=4000000000", "GET /d/v?ss_token=eb1873f9b06d60ce39e6333e91b376df&ss_expiration=4000000000", "GET /d/v", "GET /d/v?ss_token=b651d0203618428ef73fc37a67a55fb8&ss_expiration=1000000000"]
--- error_code eval
[200, 200, 200, 200, 403, 403]
--- response_headers eval
["! Cache-Control", "! Cache-Control", "! Cache-Control", "! Cache-Control", "Cache-Control: no-store", "Cache-Control: no-store"]

=== TEST 25: `satisfy any` with a status nginx does not defer: somebody else may still allow
--- http_config eval: $::P
--- config
root html;
satisfy any;
token_auth_status expired=410 missing=451;
location / { token_auth p; allow 127.0.0.1; deny all; }
location /alone/ { token_auth p; }
--- user_files eval
$::Files . ">>> alone/v\nx\n"
--- request eval
["GET /v?ss_token=e2ca171758b9e84dc9647034d5c4745b&ss_expiration=1000000000", "GET /v", "GET /alone/v?ss_token=803a9216defd53bda7b18ddd95123561&ss_expiration=1000000000", "GET /alone/v", "GET /alone/v?ss_token=d58a79a49bc52590f94c7e49923b52fa&ss_expiration=4000000000"]
--- error_code eval
[200, 200, 410, 451, 200]

=== TEST 26: `satisfy any`: a token or a password
--- http_config eval: $::P
--- config
root html;
location / { satisfy any; token_auth p; auth_basic "here"; auth_basic_user_file users; }
location /all/ { satisfy all; token_auth p; auth_basic "here"; auth_basic_user_file users; }
--- user_files eval
$::Files . ">>> all/v\nx\n>>> ../conf/users\nann:{PLAIN}secret\n"
--- request eval
["GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v", "GET /v", "GET /all/v?ss_token=c3b7698a5c0737e0ec7ebf73ae5ece0a&ss_expiration=4000000000", "GET /all/v?ss_token=c3b7698a5c0737e0ec7ebf73ae5ece0a&ss_expiration=4000000000", "GET /all/v"]
--- more_headers eval
["", "Authorization: Basic YW5uOnNlY3JldA==", "", "", "Authorization: Basic YW5uOnNlY3JldA==", "Authorization: Basic YW5uOnNlY3JldA=="]
--- error_code eval
[200, 200, 401, 401, 200, 403]
--- response_headers eval
["! WWW-Authenticate", "! WWW-Authenticate", "WWW-Authenticate: Basic realm=\"here\"", "WWW-Authenticate: Basic realm=\"here\"", "! WWW-Authenticate", "! WWW-Authenticate"]

=== TEST 27: dry run opens nothing and closes nothing under `satisfy any`
--- http_config eval: $::P
--- config
root html;
satisfy any;
token_auth_dry_run on;
location / { token_auth p; deny all; }
location /a/ { token_auth p; allow all; }
--- user_files eval
$::Files . ">>> a/v\nx\n"
--- request eval
["GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /v", "GET /a/v"]
--- error_code eval
[403, 403, 200]
--- error_log
access forbidden by rule
dry run, token refused: missing

=== TEST 28: `token_auth off` has no opinion under `satisfy any`
--- http_config eval: $::P
--- config
root html;
satisfy any;
token_auth p;
location / { token_auth off; deny all; }
--- user_files eval: $::Files
--- request
GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000
--- error_code: 403
--- error_log
access forbidden by rule

=== TEST 29: a refusal that somebody else overruled opens no error page
--- http_config eval: $::P
--- config
root html;
error_page 404 /secret;
error_page 402 /secret;
location / { satisfy any; token_auth p; allow 127.0.0.1; deny all; }
location = /pay { satisfy any; token_auth p; token_auth_status default=451; allow 127.0.0.1; deny all; try_files /none =402; }
location = /secret { token_auth p; }
--- user_files eval
$::Files . ">>> secret\nsecret\n"
--- request eval
["GET /none", "GET /pay", "GET /secret", "GET /none?ss_token=d1f8d372285749baca38acc1e44cabff&ss_expiration=4000000000"]
--- error_code eval
[403, 403, 403, 404]
--- response_body_unlike eval
["secret", "secret", "secret", "403"]

=== TEST 30: the page of a refusal is not refused by the other check
--- http_config eval
$::P . 'geoip_db $TEST_NGINX_DATA/geo.mmdb; set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;'
--- config
access_log logs/access.log mine;
root html;
token_auth p;
geoip_deny country=RU;
geoip_status 451;
error_page 451 /country.html;
error_page 403 /denied.html;
location = /denied.html { geoip_deny all; }
--- user_files eval
$::Files . ">>> country.html\nnot here\n>>> denied.html\nno\n"
--- request eval
["GET /v", "GET /v", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /country.html", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /denied.html?ss_token=a407b7bb8109563f4376e0e324ea76b8&ss_expiration=4000000000"]
--- more_headers eval
["X-Real-IP: 203.0.113.1", "", "X-Real-IP: 203.0.113.1", "", "", ""]
--- error_code eval
[451, 403, 451, 403, 200, 451]
--- response_body eval
["not here\n", "no\n", "not here\n", "no\n", "shown\n", "not here\n"]

=== TEST 31: two refusals in one place under `satisfy any`: each check is asked
--- http_config eval
$::P . 'geoip_db $TEST_NGINX_DATA/geo.mmdb; set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;'
--- config
root html;
satisfy any;
token_auth p;
geoip_deny country=RU;
--- user_files eval: $::Files
--- request eval
["GET /v", "GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000"]
--- more_headers
X-Real-IP: 203.0.113.1
--- error_code eval
[403, 200]
--- response_headers eval
["Cache-Control: no-store", "! Cache-Control"]
--- error_log
country refused: RU
token refused: missing

=== TEST 32: a path token is taken out of the path, whoever lets the request in
--- http_config eval
$::P . 'token_profile pp { format scalesimple; key file=key; from path; }
geoip_db $TEST_NGINX_DATA/geo.mmdb; set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;'
--- config
access_log logs/access.log mine;
root html;
satisfy any;
token_auth pp;
geoip_allow country=US;
allow 127.0.0.2;
deny all;
--- user_files eval: $::Files
--- request eval
["GET /89ebef16f7b05ed3aff1d6e7c8d7dd39,4000000000/v", "GET /630043a1f1a82f61d0738fb2066fc17b,4000000000/v", "GET /89ebef16f7b05ed3aff1d6e7c8d7dd39,4000000000/v", "GET /630043a1f1a82f61d0738fb2066fc17b,4000000000/v", "GET /630043a1f1a82f61d0738fb2066fc17b,4000000000/v"]
--- more_headers eval
["X-Real-IP: 127.0.0.3", "X-Real-IP: 127.0.0.2", "X-Real-IP: 198.51.100.1", "X-Real-IP: 127.0.0.3", "X-Real-IP: 198.51.100.1"]
--- error_code eval
[200, 200, 200, 403, 200]

=== TEST 33: a verdict that two places ask for is logged once
--- http_config eval: $::P
--- config
location / { token_auth p; token_auth_dry_run on; root html; }
location = /count { root logs; try_files /../logs/error.log =404; }
--- user_files eval
$::Files . ">>> d/index.html\nindex\n"
--- request eval
["GET /d/", "GET /count"]
--- error_code eval
[200, 200]
--- response_body_like eval
["index", "^[^\\n]*(\\n(?![^\\n]*token refused)[^\\n]*)*\\n[^\\n]*token refused: missing(?!.*token refused)"]

=== TEST 34: two profiles read cookies of one line: neither takes the other's for a second one
--- http_config eval
$::P . "token_profile q { format scalesimple; key file=key; from cookie=qt,qe; }
token_profile r { format scalesimple; key file=key; from cookie=rt,re; }"
--- config
root html;
location /d/ { token_auth q; token_auth_dry_run on; token_auth_log_level info; index page; }
location = /d/page { token_auth p; token_auth_dry_run on; token_auth_log_level info; try_files /none @last; }
location @last { token_auth r; try_files /d/page =404; }
--- user_files eval
$::Files . ">>> d/page\npage\n"
--- request eval
["GET /d/", "GET /d/"]
--- more_headers eval
["Cookie: qt=x; qe=1; ss_token=y; a=1; rt=e352f486570f4ee403141aeefb1d31aa; re=4000000000; ss_expiration=2", "Cookie: qt=x; qe=1; rt=e352f486570f4ee403141aeefb1d31aa; re=4000000000\nCookie: b; rt=0"]
--- error_code eval
[200, 403]
--- error_log
token refused: malformed, profile "r"

=== TEST 35: a variable that fails, then `return`: one whole answer
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

=== TEST 36: what the application behind a refusal's page asks for is checked again
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
