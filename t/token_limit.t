# `limit`: how often a token may be used, and from how many addresses.
use Test::Nginx::Socket 'no_plan';

# How the tokens here are made is said in t/token.t.
our $Http = <<'_EOC_';
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;
    token_profile twice { format scalesimple; key id=k1 file=key; from query cookie header=X-T path; limit uses=2 zone=32k; }
    token_profile few   { format scalesimple; key file=key; limit addresses=2 zone=32k; }
    token_profile both  { format scalesimple; key file=key; limit uses=3 addresses=1 zone=32k; }
    token_profile plain { format scalesimple; key file=key; }
    token_profile link  { format secure_link; message "{expires}$uri {key}"; key file=key; from query=t cookie=t; limit uses=2 zone=32k; }
    log_format mine "$uri $status $token_auth_status $token_auth_action";
_EOC_

our $Files = ">>> ../conf/key\nkey-one\n>>> v\nshown\n>>> w\nother\n>>> d/index.html\nindex\n>>> ssi\n<!--# include virtual=\"/v\" --><!--# include virtual=\"/v\" -->";
our $V = "/v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000";
our $W = "/w?ss_token=630043a1f1a82f61d0738fb2066fc17b&ss_expiration=4000000000";
our $Old = "/v?ss_token=e2ca171758b9e84dc9647034d5c4745b&ss_expiration=1000000000";
our $D = "/d/?ss_token=e352f486570f4ee403141aeefb1d31aa&ss_expiration=4000000000";
our $None = "/none?ss_token=d1f8d372285749baca38acc1e44cabff&ss_expiration=4000000000";
our $SSI = "/ssi?ss_token=97e199db511f86c4802d020a790cc280&ss_expiration=4000000000";

no_long_string();
run_tests();

__DATA__

=== TEST 1: two uses and no more, of each token
--- http_config eval: $::Http
--- config
access_log logs/access.log mine;
location / { token_auth twice; root html; }
--- user_files eval: $::Files
--- request eval
["GET $::V", "GET $::V", "GET $::V", "GET $::W", "GET $::V"]
--- error_code eval
[200, 200, 429, 200, 429]
--- response_headers eval
["! Cache-Control", "! Cache-Control", "Cache-Control: no-store", "! Cache-Control", "Cache-Control: no-store"]
--- error_log
token refused: limited, profile "twice", key "k1"
--- access_log
/v 429 limited refused

=== TEST 2: the first addresses stay in, others do not come in
--- http_config eval: $::Http
--- config
location / { token_auth few; root html; }
--- user_files eval: $::Files
--- request eval
["GET $::V", "GET $::V", "GET $::V", "GET $::V", "GET $::V", "GET $::V", "GET $::V", "GET $::V"]
--- more_headers eval
["X-Real-IP: 192.0.2.1", "X-Real-IP: 192.0.2.1", "X-Real-IP: 2001:db8:0:1::1", "X-Real-IP: 192.0.2.2", "X-Real-IP: 2001:db8:0:1:ffff::2", "X-Real-IP: ::ffff:192.0.2.1", "X-Real-IP: 2001:db8:0:2::1", "X-Real-IP: 192.0.2.1"]
--- error_code eval
[200, 200, 200, 429, 200, 200, 429, 200]

=== TEST 3: both: a refused address uses nothing up
--- http_config eval: $::Http
--- config
location / { token_auth both; root html; }
--- user_files eval: $::Files
--- request eval
["GET $::V", "GET $::V", "GET $::V", "GET $::V", "GET $::V", "GET $::V"]
--- more_headers eval
["X-Real-IP: 192.0.2.1", "X-Real-IP: 192.0.2.2", "X-Real-IP: 192.0.2.3", "X-Real-IP: 192.0.2.1", "X-Real-IP: 192.0.2.1", "X-Real-IP: 192.0.2.1"]
--- error_code eval
[200, 429, 429, 200, 200, 429]

=== TEST 4: the same token in other places is the same token
--- http_config eval: $::Http
--- config
location / { token_auth twice; root html; }
--- user_files eval: $::Files
--- request eval
["GET $::V", "GET /v", "GET /v", "GET /89ebef16f7b05ed3aff1d6e7c8d7dd39,4000000000/v", "GET $::V"]
--- more_headers eval
["", "Cookie: ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39; ss_expiration=4000000000", "X-T: 89ebef16f7b05ed3aff1d6e7c8d7dd39,4000000000", "", ""]
--- error_code eval
[200, 200, 429, 429, 429]

=== TEST 5: the same token in other letters is the same token
--- http_config eval: $::Http
--- config
location / { token_auth link; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v?t=4UNws-WY49N31dgOiwv9hQ,4000000000", "GET /v?t=4UNws-WY49N31dgOiwv9hQ==,4000000000", "GET /v?t=4UNws-WY49N31dgOiwv9hQ==,4000000000", "GET /v?t=4UNws-WY49N31dgOiwv9hQ,4000000000&x=1"]
--- error_code eval
[200, 200, 429, 429]

=== TEST 6: what is not valid uses nothing up
--- http_config eval: $::Http
--- config
location / { token_auth twice; root html; }
location /plain/ { token_auth plain; alias html/; }
--- user_files eval: $::Files
--- request eval
["GET $::Old", "GET $::Old", "GET $::Old", "GET /w?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET /w?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000", "GET $::V", "GET $::V", "GET $::V"]
--- error_code eval
[403, 403, 403, 403, 403, 200, 200, 429]

=== TEST 7: a request is one use, wherever nginx sends it
--- http_config eval: $::Http
--- config
root html;
token_auth twice;
error_page 404 /page;
location / { try_files $uri $uri/ =404; }
location = /page { return 200 page; }
--- user_files eval: $::Files
--- request eval
["GET $::D", "GET $::D", "GET $::D", "GET $::None", "GET $::None", "GET $::None"]
--- error_code eval
[200, 200, 429, 404, 404, 429]

=== TEST 8: what a page includes is no use
--- http_config eval: $::Http
--- config
location / { token_auth twice; root html; ssi on; ssi_types *; default_type text/html; }
--- user_files eval: $::Files
--- request eval
["GET $::SSI", "GET $::SSI", "GET $::SSI"]
--- error_code eval
[200, 200, 429]
--- response_body eval
["shown\nshown\n", "shown\nshown\n", qr/429/]

=== TEST 9: a token in the path is one use, although its request starts again
--- http_config eval: $::Http
--- config
location / { token_auth twice; root html; }
--- user_files eval: $::Files
--- request eval
["GET /89ebef16f7b05ed3aff1d6e7c8d7dd39,4000000000/v", "GET /89ebef16f7b05ed3aff1d6e7c8d7dd39,4000000000/v", "GET /89ebef16f7b05ed3aff1d6e7c8d7dd39,4000000000/v"]
--- error_code eval
[200, 200, 429]

=== TEST 10: a dry run counts, and says what it would refuse
--- http_config eval: $::Http
--- config
access_log logs/access.log mine;
location / { token_auth twice; token_auth_dry_run on; root html; }
--- user_files eval: $::Files
--- request eval
["GET $::V", "GET $::V", "GET $::V"]
--- error_code eval
[200, 200, 200]
--- error_log
dry run, token refused: limited, profile "twice"
--- access_log
/v 200 limited dry_run

=== TEST 11: statuses
--- http_config eval: $::Http
--- config
token_auth twice;
root html;
location /v { token_auth_status limited=410; }
location /w { token_auth_status default=451; }
--- user_files eval: $::Files
--- request eval
["GET $::V", "GET $::V", "GET $::V", "GET $::W", "GET $::W", "GET $::W"]
--- error_code eval
[200, 200, 410, 200, 200, 451]

=== TEST 12: satisfy any: somebody else may let in who is beyond the limit
--- http_config eval: $::Http
--- config
access_log logs/access.log mine;
satisfy any;
token_auth twice;
token_auth_status limited=403;
root html;
location /v { deny all; }
location /w { allow 192.0.2.1; deny all; }
--- user_files eval: $::Files
--- request eval
["GET $::V", "GET $::V", "GET $::V", "GET $::W", "GET $::W", "GET $::W"]
--- more_headers
X-Real-IP: 192.0.2.1
--- error_code eval
[200, 200, 403, 200, 200, 200]
--- access_log
/w 200 limited allowed

=== TEST 13: each profile counts for itself
--- http_config eval: $::Http
--- config
location / { token_auth twice; root html; }
location /w { token_auth both; root html; }
--- user_files eval: $::Files
--- request eval
["GET $::W", "GET $::W", "GET $::W", "GET $::W", "GET $::V"]
--- error_code eval
[200, 200, 200, 429, 200]

=== TEST 14: it is counted where it is enforced: reading the variable uses nothing up
--- http_config eval: $::Http
--- config
location / { if ($token_auth_status != ok) { return 404; } token_auth twice; root html; }
--- user_files eval: $::Files
--- request eval
["GET $::V", "GET $::V", "GET $::V", "GET /v"]
--- error_code eval
[200, 200, 429, 404]

=== TEST 15: metrics
--- http_config eval: $::Http
--- config
location / { token_auth twice; root html; }
location /_gatehouse/ { gatehouse_status; }
--- user_files eval: $::Files
--- request eval
["GET $::V", "GET $::V", "GET $::V", "GET /_gatehouse/-/metrics"]
--- error_code eval
[200, 200, 429, 200]
--- response_body_like eval
["", "", "", qr/profile="twice",status="ok"\} 2\n(?s:.*)profile="twice",status="limited"\} 1\n(?s:.*)gatehouse_token_limit_forgotten_total\{profile="twice"\} 0\n/]

=== TEST 16: one that is used up does not lock out another one; nothing of which is used up before
--- http_config eval: $::Http
--- config
access_log logs/access.log mine;
location / { token_auth link; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v?t=4UNws-WY49N31dgOiwv9hQ,4000000000", "GET /v?t=4UNws-WY49N31dgOiwv9hQ,4000000000", "GET /v?t=4UNws-WY49N31dgOiwv9hQ,4000000000", "GET /v?t=4UNws-WY49N31dgOiwv9hQ,4000000000", "GET /v?t=4UNws-WY49N31dgOiwv9hQ,4000000000", "GET /v"]
--- more_headers eval
["Cookie: t=AHsXf8yYcKzylwSrRPtv7A,4000000001", "", "Cookie: t=AHsXf8yYcKzylwSrRPtv7A,4000000001", "Cookie: t=AHsXf8yYcKzylwSrRPtv7A,4000000001", "Cookie: t=AHsXf8yYcKzylwSrRPtv7A,4000000001", "Cookie: t=AHsXf8yYcKzylwSrRPtv7A,4000000001"]
--- error_code eval
[200, 200, 200, 200, 429, 429]
--- access_log
/v 429 limited refused
