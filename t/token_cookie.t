# `issue_cookie`: a valid token from another place is handed back as a cookie.
use Test::Nginx::Socket 'no_plan';

# secure_link tokens for everything, with key-one: printf %s "$EXP key-one" | openssl md5 -binary | basenc --base64url | tr -d =
our $Http = <<'_EOC_';
    token_profile p { format secure_link; message "{expires} {key}"; key id=k1 file=key; from query=t cookie=c header=X-T path; issue_cookie c secure httponly samesite=lax; }
    token_profile plain { format secure_link; message "{expires} {key}"; key file=key; from query=t cookie=c; }
    token_profile edge { format edgeauth; key file=hex; from query=t cookie=__token__; issue_cookie __token__ max_age=1h; }
    token_profile both { format secure_link; message "{expires} {key}"; key file=key; from query=t,e cookie=c1,c2; issue_cookie c1 path=/; }
    proxy_cache_path cache keys_zone=pages:1m;
_EOC_

our $Files = ">>> ../conf/key\nkey-one\n>>> ../conf/hex\n6b31\n>>> v\nshown\n>>> d/index.html\nindex\n>>> video/42/index.m3u8\nplaylist\n>>> video/42/1.ts\nsegment\n>>> video/43/1.ts\nother\n>>> page\npage\n>>> ssi\n<!--# include virtual=\"/v\" -->";
our $A = "t=r9wqidT2bRdpmF5BH_DUcA,4000000000";
our $B = "t=FjlIzwfAr1H4M1HyY4LRYA,4000000001";
our $Cookie = "c=r9wqidT2bRdpmF5BH_DUcA,4000000000; Path=/; Secure; HttpOnly; SameSite=Lax";
our $CookieB = "c=FjlIzwfAr1H4M1HyY4LRYA,4000000001; Path=/; Secure; HttpOnly; SameSite=Lax";
our $Two = "t=r9wqidT2bRdpmF5BH_DUcA&e=4000000000";
our $Edge = "exp=4000000000~acl=/video/42/*~hmac=5aa0c942f3e73749c5018f4dcde6b4c9646847394dc07a5fe43bc432b00be682";

no_long_string();
run_tests();

__DATA__

=== TEST 1: from each other place; the cookie then opens, and is not set again
--- http_config eval: $::Http
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v?$::A", "GET /v", "GET /r9wqidT2bRdpmF5BH_DUcA,4000000000/v", "GET /v", "GET /v?$::A", "GET /v"]
--- more_headers eval
["", "X-T: r9wqidT2bRdpmF5BH_DUcA,4000000000", "", "Cookie: c=r9wqidT2bRdpmF5BH_DUcA,4000000000", "Cookie: x; c=r9wqidT2bRdpmF5BH_DUcA,4000000000", "Cookie: c=r9wqidT2bRdpmF5BH_DUcA,4000000001"]
--- error_code eval
[200, 200, 200, 200, 200, 403]
--- response_headers eval
["Set-Cookie: $::Cookie\nCache-Control: no-store", "Set-Cookie: $::Cookie\nCache-Control: no-store", "Set-Cookie: $::Cookie\nCache-Control: no-store", "! Set-Cookie\n! Cache-Control", "! Set-Cookie\n! Cache-Control", "! Set-Cookie"]

=== TEST 2: an HLS playlist's link opens its folder
--- http_config eval: $::Http
--- config
location / { token_auth edge; root html; }
--- user_files eval: $::Files
--- request eval
["GET /video/42/index.m3u8?t=$::Edge", "GET /video/42/1.ts", "GET /video/42/1.ts", "GET /video/43/1.ts"]
--- more_headers eval
["", "Cookie: __token__=$::Edge", "", "Cookie: __token__=$::Edge"]
--- error_code eval
[200, 200, 403, 403]
--- response_headers eval
["Set-Cookie: __token__=$::Edge; Path=/video/42/; Max-Age=3600", "! Set-Cookie", "! Set-Cookie", "! Set-Cookie"]

=== TEST 3: no cookie with a refusal, nor for a refusal's page, nor in a dry run for a token that is not valid
--- http_config eval: $::Http
--- config
token_auth p;
root html;
location / { }
location /page/ { error_page 403 =200 /page; }
location /dry/ { alias html/; token_auth_dry_run on; }
--- user_files eval: $::Files
--- request eval
["GET /v?t=r9wqidT2bRdpmF5BH_DUcA,4000000001", "GET /v?t=Hh3B1By8U5egywa8WPxxHQ,1000000000", "GET /page/?t=Hh3B1By8U5egywa8WPxxHQ,1000000000", "GET /dry/v?t=Hh3B1By8U5egywa8WPxxHQ,1000000000", "GET /dry/v?$::A"]
--- error_code eval
[403, 403, 200, 200, 200]
--- response_headers eval
["! Set-Cookie", "! Set-Cookie", "! Set-Cookie", "! Set-Cookie", "Set-Cookie: c=r9wqidT2bRdpmF5BH_DUcA,4000000000; Path=/dry/; Secure; HttpOnly; SameSite=Lax"]

=== TEST 4: no cookie with an error, nor with what somebody else's refusal shows
--- http_config eval: $::Http
--- config
token_auth p;
root html;
location / { }
location /page/ { deny all; error_page 403 =200 /page; }
location = /page { token_auth off; }
--- user_files eval: $::Files
--- request eval
["GET /none?$::A", "GET /page/?$::A", "GET /d?$::A"]
--- error_code eval
[404, 200, 301]
--- response_headers eval
["! Set-Cookie", "! Set-Cookie", "Set-Cookie: $::Cookie"]

=== TEST 5: satisfy any: whom somebody else lets in gets none
--- http_config eval: $::Http
--- config
satisfy any;
token_auth p;
root html;
location / { allow all; }
--- user_files eval: $::Files
--- request eval
["GET /v?t=Hh3B1By8U5egywa8WPxxHQ,1000000000", "GET /v?$::A"]
--- error_code eval
[200, 200]
--- response_headers eval
["! Set-Cookie", "Set-Cookie: $::Cookie"]

=== TEST 6: the cookie is not the backend's
--- http_upstream: a
--- http_config eval: $::Http
--- config
location / { token_auth p; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files eval: $::Files
--- request eval
["GET /v?a=1&$::A", "GET /v"]
--- more_headers eval
["Cookie: own=1", "Cookie: own=1; c=r9wqidT2bRdpmF5BH_DUcA,4000000000; more=2"]
--- response_body_like eval
["GET /v\\?a=1 HTTP(?s:.*)Cookie: own=1\r\n", "Cookie: own=1; more=2\r\n"]

=== TEST 7: a cache keeps nobody's cookie
--- http_upstream: a
--- http_config eval: $::Http
--- config
location / {
    token_auth p;
    proxy_cache pages;
    proxy_cache_key $uri;
    proxy_cache_valid 200 1m;
    proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A;
    add_header X-Cache $upstream_cache_status;
}
location /plain { token_auth plain; proxy_cache pages; proxy_cache_key /v; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; add_header X-Cache $upstream_cache_status; }
--- user_files eval: $::Files
--- request eval
["GET /v?$::A", "GET /v?$::B", "GET /v", "GET /plain?$::A"]
--- more_headers eval
["", "", "Cookie: c=FjlIzwfAr1H4M1HyY4LRYA,4000000001", ""]
--- response_headers eval
["X-Cache: MISS\nSet-Cookie: $::Cookie\nCache-Control: no-store", "X-Cache: HIT\nSet-Cookie: $::CookieB\nCache-Control: no-store", "X-Cache: HIT\n! Set-Cookie\n! Cache-Control", "X-Cache: HIT\n! Set-Cookie\n! Cache-Control"]

=== TEST 8: whatever the location says of caches, the cookie's answer is in none
--- http_config eval: $::Http
--- config
location / { token_auth p; root html; expires 1h; }
--- user_files eval: $::Files
--- request eval
["GET /v?$::A", "GET /v"]
--- more_headers eval
["", "Cookie: c=r9wqidT2bRdpmF5BH_DUcA,4000000000"]
--- response_headers eval
["Set-Cookie: $::Cookie\nCache-Control: no-store", "! Set-Cookie\nCache-Control: max-age=3600"]

=== TEST 9: once for a request, whatever it includes and wherever it goes
--- http_config eval: $::Http
--- config
location / { token_auth p; root html; ssi on; ssi_types *; }
--- user_files eval: $::Files
--- request eval
["GET /ssi?$::A", "GET /d/?$::A"]
--- response_headers eval
["Set-Cookie: $::Cookie", "Set-Cookie: c=r9wqidT2bRdpmF5BH_DUcA,4000000000; Path=/d/; Secure; HttpOnly; SameSite=Lax"]
--- response_body eval
["shown\n", "index\n"]

=== TEST 10: of several cookies of the name the first valid one wins
--- http_config eval: $::Http
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v", "GET /v", "GET /v?$::B"]
--- more_headers eval
["Cookie: c=Hh3B1By8U5egywa8WPxxHQ,1000000000; c=r9wqidT2bRdpmF5BH_DUcA,4000000000", "Cookie: c=x\nCookie: c=r9wqidT2bRdpmF5BH_DUcA,4000000000", "Cookie: c=Hh3B1By8U5egywa8WPxxHQ,1000000000; c=r9wqidT2bRdpmF5BH_DUcA,4000000000"]
--- error_code eval
[200, 200, 200]
--- response_headers eval
["! Set-Cookie", "! Set-Cookie", "Set-Cookie: $::CookieB"]

=== TEST 11: a cookie for each value
--- http_config eval: $::Http
--- config
location / { token_auth both; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v?$::Two", "GET /v"]
--- more_headers eval
["", "Cookie: c1=r9wqidT2bRdpmF5BH_DUcA; c2=4000000000"]
--- error_code eval
[200, 200]
--- raw_response_headers_like eval
["Set-Cookie: c2=4000000000; Path=/\r\nSet-Cookie: c1=r9wqidT2bRdpmF5BH_DUcA; Path=/\r\n", ""]

=== TEST 12: no cache in front keeps it, whatever the backend says to that cache alone
--- http_config eval: $::Http
--- config
location / { token_auth p; proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/back/; }
location /back/ { add_header CDN-Cache-Control max-age=60 always; add_header cloudflare-cdn-cache-control max-age=60 always; add_header Surrogate-Control max-age=60 always; add_header X-Cache-Controls kept always; return 200 shown; }
--- user_files eval: $::Files
--- request eval
["GET /v?$::A", "GET /v"]
--- more_headers eval
["", "Cookie: c=r9wqidT2bRdpmF5BH_DUcA,4000000000"]
--- response_headers eval
["Set-Cookie: $::Cookie\nCache-Control: no-store\n! CDN-Cache-Control\n! Cloudflare-CDN-Cache-Control\n! Surrogate-Control\nX-Cache-Controls: kept", "! Set-Cookie\nCDN-Cache-Control: max-age=60\nSurrogate-Control: max-age=60"]
