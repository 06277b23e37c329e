# Common Access Tokens: answers, and what asks other parts of the module.
use Test::Nginx::Socket 'no_plan';

# A COSE_Mac0 under this key, "exp" is 4000000000 (2096), of the late one 1000000000 (2001). Made by `gatehouse token sign` and by cbor2.
our $Files = ">>> ../conf/key\n0123456789abcdef0123456789abcdef\n>>> v\nshown\n";
our $Http = <<'_EOC_';
    token_profile p { format cat; key id=one file=key; }
    token_claim $cat_sub p sub;
    token_claim $cat_first p catm.0;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;
_EOC_

our $Good = "2D3RhEOhAQWhBENvbmVYMKYCZnVzZXItMQQa7msoAAYaaE7hgBkBNgEZATihA6EBYi92GQE5gmNHRVRkSEVBRFggTRwi5o5j6_wqMFmTBqC1XAHERWmAs0lnlVoK0ZR-_vs";
our $Asn = "2D3RhEOhAQWhBENvbmVYGKQEGu5rKAAGGmhO4YAZATYBGQE3gRn78Fgg4QEHjJNF-wAqR2bxfQiSUr1aL8MPNHcqPwICYw8kKag";
our $Part = "2D3RhEOhAQWhBENvbmVYH6QEGu5rKAAGGmhO4YAZATYBGQE8gmZGUi1BUkFiREVYIPwgCk5hotjlhI9Bx7UbW8xxvj9dLtTeBJU7rSCe1EZH";
our $Head = "2D3RhEOhAQWhBENvbmVYGaIEGu5rKAAZATuhaFgtRGV2aWNloQBidHZYIGgPxeeq-fBX_xbigCokcFZ_d1oFCfpAnE12KTy9koFl";
our $Once = "2D3RhEOhAQWhBENvbmVLogQa7msoABkBNAFYIC6ZgW1HeQ-iqxY7U6D3L5RcACXzzWcNooPdG7ZnteDQ";
our $Late = "2D3RhEOhAQWhBENvbmVHoQQaO5rKAFgg4Tc8rMJAOOtViGaPP-9t7sPf-Q9gAmZPq5um0gahF7I";
our $Other = "2D3RhEOhAQWhBENvbmVYMKYCZnVzZXItMQQa7msoAAYaaE7hgBkBNgEZATihA6EBYi92GQE5gmNHRVRkSEVBRFggTRwi5o5j6_wqMFmTBqC1XAHERWmAs0lnlVoK0ZR-AAA";

no_long_string();
run_tests();

__DATA__

=== TEST 1: answers
--- http_config eval: $::Http
--- config
location / { token_auth p; root html; add_header X-Sub "$cat_sub $cat_first"; }
--- user_files eval: $::Files
--- request eval
["GET /v", "GET /v", "GET /v", "GET /v", "GET /v", "POST /v"]
--- more_headers eval
["Common-Access-Token: $::Good", "", "Common-Access-Token: $::Late", "Common-Access-Token: $::Other", "Common-Access-Token: x", "Common-Access-Token: $::Good"]
--- error_code eval
[200, 401, 401, 401, 401, 403]
--- response_headers eval
["X-Sub: user-1 GET", "WWW-Authenticate: Bearer\nCache-Control: no-store", "WWW-Authenticate: Bearer error=\"invalid_token\"\nCache-Control: no-store", "WWW-Authenticate: Bearer error=\"invalid_token\"", "WWW-Authenticate: Bearer error=\"invalid_token\"", "!WWW-Authenticate"]
--- error_log
token refused: missing, profile "p"
token refused: expired, profile "p", key "one"
token refused: invalid, profile "p"
token refused: malformed, profile "p"
token refused: forbidden, profile "p", key "one"

=== TEST 2: an upstream sees no token
--- http_upstream: a
--- http_config eval: $::Http
--- config
location / { token_auth p; proxy_set_header Host up; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A; }
--- user_files eval: $::Files
--- request eval
["GET /v?a=1&CAT=$::Good&b", "GET /v", "GET /v"]
--- more_headers eval
["", "Cookie: a=1; Common-Access-Token=$::Good; b=2", "Common-Access-Token: $::Good"]
--- response_body_like eval
[qr/GET \/v\?a=1&b HTTP/, qr/Cookie: a=1; b=2\r/, qr/^((?!2D3R).)*$/s]

=== TEST 3: an autonomous system, by the database of these
--- http_config eval: "$::Http geoip_db \$TEST_NGINX_DATA/asn.mmdb;"
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v", "GET /v", "GET /v"]
--- more_headers eval
["Common-Access-Token: $::Asn\nX-Real-IP: 192.0.2.1", "Common-Access-Token: $::Asn\nX-Real-IP: 2001:db8::1", "Common-Access-Token: $::Part\nX-Real-IP: 192.0.2.1"]
--- error_code eval
[200, 403, 403]
--- error_log
token refused: wrong_ip, profile "p", key "one"
token refused: forbidden, profile "p", key "one"

=== TEST 4: a part of a country, by the database of these
--- http_config eval: "$::Http geoip_db \$TEST_NGINX_DATA/geo.mmdb;"
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v", "GET /v", "GET /v", "GET /v"]
--- more_headers eval
["Common-Access-Token: $::Part\nX-Real-IP: 192.0.2.1", "Common-Access-Token: $::Part\nX-Real-IP: 2001:db8::1", "Common-Access-Token: $::Part\nX-Real-IP: 198.51.100.1", "Common-Access-Token: $::Part\nX-Real-IP: 10.0.0.1"]
--- error_code eval
[200, 200, 403, 403]
--- error_log
token refused: forbidden, profile "p", key "one"

=== TEST 5: without a database nobody is in a country, or in an autonomous system
--- http_config eval: $::Http
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v", "GET /v"]
--- more_headers eval
["Common-Access-Token: $::Part", "Common-Access-Token: $::Asn"]
--- error_code eval
[403, 403]
--- error_log
token refused: forbidden, profile "p", key "one"
token refused: wrong_ip, profile "p", key "one"

=== TEST 6: every line of a header
--- http_config eval: $::Http
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v", "GET /v", "GET /v"]
--- more_headers eval
["Common-Access-Token: $::Head\nX-Device: tv", "Common-Access-Token: $::Head\nX-Device: tv\nx-device: phone", "Common-Access-Token: $::Head"]
--- error_code eval
[200, 403, 403]
--- error_log
token refused: forbidden

=== TEST 7: a token for one use needs a profile that counts
--- http_config
token_profile p { format cat; key id=one file=key; }
token_profile once { format cat; key id=one file=key; limit uses=1 zone=1m; }
--- config
location / { token_auth p; root html; }
location /once/ { token_auth once; alias html/; }
--- user_files eval: $::Files
--- request eval
["GET /v", "GET /once/v", "GET /once/v"]
--- more_headers eval
["Common-Access-Token: $::Once", "Common-Access-Token: $::Once", "Common-Access-Token: $::Once"]
--- error_code eval
[403, 200, 429]
--- error_log
token refused: forbidden, profile "p"
token refused: limited, profile "once"

=== TEST 8: algorithms of JSON Web Tokens that COSE has not
--- http_config
token_profile p { format cat; key file=key; algorithm HS256 RS256; }
--- config
--- user_files eval: $::Files
--- must_die
--- error_log
format "cat" has no "RS256" as in "algorithm" directive, it must be "HS256", "HS384", "HS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512" or "EdDSA" in

=== TEST 9: a token that asks for a method or a place is handed back as a cookie
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
token_profile p { format cat; key file=key; from query cookie=c; issue_cookie c path=/; }
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v?CAT=$::Good", "GET /v?CAT=$::Part", "GET /v", "GET /v"]
--- more_headers eval
["", "X-Real-IP: 192.0.2.1", "Cookie: c=$::Good", "Cookie: c=$::Part\nX-Real-IP: 192.0.2.1"]
--- error_code eval
[200, 200, 200, 200]
--- response_headers eval
["Set-Cookie: c=$::Good; Path=/", "Set-Cookie: c=$::Part; Path=/", "! Set-Cookie", "! Set-Cookie"]

=== TEST 10: a token that asks for it is renewed, in the place of what it was and in its own cookie; a forged one is not
--- http_config
token_profile p { format cat; key file=key; from query cookie=c; issue_cookie c path=/; }
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v?CAT=2D3RhEOhAQWhBEUyMDI2YVgZogQa7msoABkBQ6MAAQEastBeAAIa7msoAFggQjWRWVIvOrI-YThqPNNr3r3ElXNhuLkBUpPrzKhzA4c", "GET /v", "GET /v?CAT=2D3RhEOhAQWhBEUyMDI2YVgZogQa7msoABkBQ6MAAQEastBeAAIa7msoAFggQjWRWVIvOrI-YThqPNNr3r3ElXNhuLkBUpPrzKhzA4d", "GET /none?CAT=2D3RhEOhAQWhBEUyMDI2YVgZogQa7msoABkBQ6MAAQEastBeAAIa7msoAFggQjWRWVIvOrI-YThqPNNr3r3ElXNhuLkBUpPrzKhzA4c"]
--- more_headers eval
["", "Cookie: c=2D3RhEOhAQWhBEUyMDI2YVgZogQa7msoABkBQ6MAAQEastBeAAIa7msoAFggQjWRWVIvOrI-YThqPNNr3r3ElXNhuLkBUpPrzKhzA4c", "", ""]
--- error_code eval
[200, 200, 401, 404]
--- raw_response_headers_like eval
["Set-Cookie: c=2D3RhEOhAQWhBEUyMDI2YVgdogQbAAAAA[\\w-]{50,90}; Path=/\r\n", "Set-Cookie: c=2D3RhEOhAQWhBEUyMDI2YVgdogQbAAAAA[\\w-]{50,90}; Path=/\r\n", "401", "404"]
--- raw_response_headers_unlike eval
["no-such-header", "no-such-header", "Set-Cookie", "Set-Cookie"]
