# The scheme `hmac`: a MAC over an expression, and what other modules' links look like in it.
use Test::Nginx::Socket 'no_plan';

our $Files = ">>> ../conf/key\nexample\n>>> ../conf/secret\nsecret\n>>> v\nshown\n>>> p/link\nlinked\n";

no_long_string();
run_tests();

__DATA__

=== TEST 1: every hash, in every encoding
--- http_config
token_profile a { format hmac; key file=key; message "{expires}|$uri"; }
token_profile b { format hmac; key file=key; message "{expires}|$uri"; algorithm sha1; encoding hex; from query=mac,until; }
token_profile c { format hmac; key file=key; message "{expires}|$uri"; algorithm sha512; encoding base64; from cookie; }
token_profile d { format hmac; key file=key; message "{expires}|$uri"; algorithm sha384; from header; }
token_profile e { format hmac; key file=key; message "{expires}|$uri"; algorithm md5; encoding base64url; from path; }
--- config
root html;
location / { token_auth $http_x_profile; }
--- user_files eval: $::Files
--- request eval
["GET /v?token=ezZ_xkV6Q94RMmcZCT-egFLvvvtC0FSQPVTFC_wpS7Q&expires=4000000000", "GET /v?mac=242c36d1e0eca958537dd7f30885db6f0b93fdc2&until=4000000000", "GET /v", "GET /v", "GET /zI7cpZOXmPghxzVAI-SOfA,4000000000/v", "GET /v?token=ezZ_xkV6Q94RMmcZCT-egFLvvvtC0FSQPVTFC_wpS7Q=&expires=4000000000", "GET /v?mac=242C36D1E0ECA958537DD7F30885DB6F0B93FDC2&until=4000000000", "GET /v?token=ezZ_xkV6Q94RMmcZCT-egFLvvvtC0FSQPVTFC_wpS7Q&expires=4000000001"]
--- more_headers eval
["X-Profile: a", "X-Profile: b", "X-Profile: c\nCookie: token=mcRbak7p8pCjhGvcCvtClPttEnIRehYldIAJ4AVz3jt3HRWyYTwCQedR0MAX2etQuPqrIFtC3qNiMwtjh67EIw==; expires=4000000000", "X-Profile: d\nX-Token: jgB9b2I-K9zmdLo2x0yLU_aYUvcMbyOFB2ADJFeU034mXeSrSUcIEgb740W01XP-,4000000000", "X-Profile: e", "X-Profile: a", "X-Profile: b", "X-Profile: a"]
--- error_code eval
[200, 200, 200, 200, 200, 200, 403, 403]

=== TEST 2: links of nginx's `secure_link_secret`: the example of nginx.org
--- http_config
token_profile old { format hmac; key file=secret; algorithm md5; encoding hex; message "$link{key}"; from path; }
--- config
location ~ "^/p/(?:[0-9a-f]{32}/)?(?<link>.+)$" { token_auth old; root html; }
--- user_files eval: $::Files
--- request eval
["GET /p/5e814704a28d9bc1914ff19fa0c4a00a/link", "GET /p/5e814704a28d9bc1914ff19fa0c4a00b/link", "GET /p/5e814704a28d9bc1914ff19fa0c4a00a/link2", "GET /p/link"]
--- error_code eval
[200, 403, 403, 403]
--- response_body_like eval
["^linked", "403", "403", "403"]

=== TEST 3: links of http_hmac_secure_link: a time of signing and a lifetime
--- http_config
token_profile p { format hmac; key file=key; message "$uri|{timestamp}|{lifetime}"; from query=st,ts,e header=X-Secure-Link path; }
--- config
location / { token_auth p; token_auth_status expired=410; root html; add_header X-Expires $token_auth_expires always; }
--- user_files eval: $::Files
--- request eval
["GET /v?st=EtnlO_4UeEHCbwBqPCfkmv0q3uPhmEj_LMZyrRjKPLo&ts=4000000000&e=60", "GET /v?st=ishou6TEQLdJ8O_u4UdGTU7F-nLM2lsy1RPN4Jp8mms&ts=1000000000&e=60", "GET /v?st=5qczStjHloxnbO1OSJDgxcageuMJBs6R-NaBvJS5qEI&ts=1000000000&e=0", "GET /v?st=EtnlO_4UeEHCbwBqPCfkmv0q3uPhmEj_LMZyrRjKPLo&ts=4000000000&e=600", "GET /v?st=EtnlO_4UeEHCbwBqPCfkmv0q3uPhmEj_LMZyrRjKPLo&ts=4000000000", "GET /EtnlO_4UeEHCbwBqPCfkmv0q3uPhmEj_LMZyrRjKPLo,4000000000,60/v", "GET /v?st=EtnlO_4UeEHCbwBqPCfkmv0q3uPhmEj_LMZyrRjKPLo&ts=4000000000&E=60&e=600"]
--- error_code eval
[200, 410, 200, 403, 403, 200, 403]
--- response_headers eval
["X-Expires: 4000000060", "X-Expires: 1000000060", "X-Expires: ", "X-Expires: ", "X-Expires: ", "X-Expires: 4000000060", "X-Expires: "]

=== TEST 4: the key may be part of a message: a plain hash, as other signers make it
--- http_config
token_profile p { format hmac; key file=key; algorithm sha256; encoding hex; message "{key}$uri{expires}"; }
--- config
location / { token_auth p; root html; }
--- user_files eval: $::Files
--- request eval
["GET /v?token=fc410078c1ddd9af7b398d5db1b09d1a650e43194c7bc37117cb7304bd5ecf91&expires=4000000000", "GET /v?token=fc383adf5227a599e4378d39b50ab4bac8235ff7d8eadf274e44b37dad3dae38&expires=4000000000"]
--- error_code eval
[200, 403]

=== TEST 5: in another location the variables are about its own profile, also before its check
--- http_config
token_profile a { format hmac; key file=key; message "{expires}|$uri"; }
token_profile b { format hmac; key file=secret; message "{expires}|$uri"; }
--- config
location / { token_auth a; try_files /none @b; }
location @b { token_auth b; token_auth_dry_run on; set $before $token_auth_status; add_header X-Seen "$before $token_auth_status $token_auth_profile" always; return 200 ok; }
--- user_files eval: $::Files
--- request eval
["GET /v?token=ezZ_xkV6Q94RMmcZCT-egFLvvvtC0FSQPVTFC_wpS7Q&expires=4000000000"]
--- response_headers eval
["X-Seen: invalid invalid b"]
