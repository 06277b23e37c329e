# key table=TABLE name=NAME: the key of the route that the request's host finds. The key of one tenant never lets
# anybody in to another one.
use Test::Nginx::Socket 'no_plan';

# ScaleSimple tokens, with the KEY of a route and an EXP of 4000000000 (2096) or 1000000000 (2001):
#   printf %s "$KEY$(printf %s "$EXP$URL$KEY" | md5sum | cut -c-32)" | md5sum
# A request with a token of key-a, key-b, key-w, key-o or key-f:
our $A = 'GET /v?ss_token=bfb386bd8bd0a688991b794888e538e7&ss_expiration=4000000000';
our $B = 'GET /v?ss_token=032ae4324f551190cf58dfe9292fed95&ss_expiration=4000000000';
our $W = 'GET /v?ss_token=0cbf4d1b70d0c69df9f63f9b8a0c206d&ss_expiration=4000000000';
our $O = 'GET /v?ss_token=24e8554fe9eda85fca59835d6c569eee&ss_expiration=4000000000';
our $F = 'GET /v?ss_token=b9591d1e8997f2f984bb03fbcfceb050&ss_expiration=4000000000';

# A JSON Web Token by HS256 under 0123456789abcdef0123456789abcdef, of {"exp":4000000000,"sub":"u"}:
our $J = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImEifQ.eyJleHAiOjQwMDAwMDAwMDAsInN1YiI6InUifQ.m4WDaBsyrq_1cugUdQt1BLfvTfGwkP1fb-pUXFf2T5c";

our $P = 'upstream_table sites { zone 1m; file sites.json; }
token_profile t { format scalesimple; key table=sites name=token; }
';
our $Files = <<'_EOC_';
>>> ../conf/sites.json
{"a.test":      {"backends": [], "keys": {"token": "key-a", "old": "key-o"}},
 "b.test":      {"backends": [], "keys": {"token": "key-b"}},
 "*.w.test":    {"backends": [], "keys": {"token": "key-w"}},
 "bare.w.test": {"backends": []},
 "empty.test":  {"backends": [], "keys": {"token": ""}},
 "other.test":  {"backends": [], "keys": {"tokens": "key-a", "Token": "key-a"}},
 "localhost":   {"backends": [], "keys": {"token": "key-l"}},
 "127.0.0.1":   {"backends": [], "keys": {"token": "key-i"}},
 "[::1]":       {"backends": [], "keys": {"token": "key-6"}}}
>>> v
shown
>>> ../conf/key
key-f
_EOC_

no_long_string();
run_tests();

__DATA__

=== TEST 1: a token is good for the host whose route has its key, and for no other
--- http_config eval: $::P
--- config
location / { token_auth t; root html; }
--- user_files eval: $::Files
--- request eval
[$::A, $::B, $::A, $::B, $::W, "GET /v"]
--- more_headers eval
["Host: a.test", "Host: b.test", "Host: b.test", "Host: a.test", "Host: a.test", "Host: a.test"]
--- error_code eval
[200, 200, 403, 403, 403, 403]
--- error_log
token refused: invalid, profile "t",
token refused: missing, profile "t",
--- no_error_log
no key
of its route

=== TEST 2: however the host is written
--- http_config eval: $::P
--- config
location / { token_auth t; root html; }
--- user_files eval: $::Files
--- request eval
[$::A, $::A, $::A, $::A, $::B, $::A, "GET /v?ss_token=5df10bf5aa74a7eef34a69f7d3aecd73&ss_expiration=4000000000", "GET /v?ss_token=5df10bf5aa74a7eef34a69f7d3aecd73&ss_expiration=4000000000", $::A, $::A]
--- more_headers eval
["Host: A.Test", "Host: a.test:8080", "Host: a.test.", "Host: A.TEST.:80", "Host: A.TEST", "Host: b.test:80", "Host: [::1]:8080", "Host: [::1]", "Host: xa.test", "Host: a.test.b.test"]
--- error_code eval
[200, 200, 200, 200, 403, 403, 200, 200, 403, 403]

=== TEST 3: a wildcard route's key is that of its hosts, but not of those with a route of their own
--- http_config eval: $::P
--- config
location / { token_auth t; root html; }
--- user_files eval: $::Files
--- request eval
[$::W, $::W, $::W, $::W, $::A]
--- more_headers eval
["Host: x.w.test", "Host: y.x.w.test", "Host: bare.w.test", "Host: w.test", "Host: x.w.test"]
--- error_code eval
[200, 200, 403, 403, 403]
--- error_log
token refused: invalid, profile "t", no key "token" for its host in upstream_table "sites"

=== TEST 4: no route, no key of that name, an empty key: invalid, and the line says why
--- http_config eval: $::P
--- config
location / { token_auth t; root html; }
--- user_files eval: $::Files
--- request eval
[$::A, $::A, $::A, "GET /v?ss_token=758d298b6f78f867e474a58844d1baa1&ss_expiration=4000000000", "GET /v?ss_token=758d298b6f78f867e474a58844d1baa1&ss_expiration=4000000000", "GET /v", "GET /v?ss_token=x&ss_expiration=1"]
--- more_headers eval
["Host: none.test", "Host: other.test", "Host: empty.test", "Host: empty.test", "Host: none.test", "Host: none.test", "Host: none.test"]
--- error_code eval
[403, 403, 403, 403, 403, 403, 403]
--- error_log
token refused: invalid, profile "t", no key "token" for its host in upstream_table "sites"
token refused: invalid, profile "t", key "token" of its route in upstream_table "sites" is empty
token refused: missing, profile "t",
token refused: malformed, profile "t",

=== TEST 5: one connection: each request is judged by the host that it names itself
--- http_config eval: $::P
--- config
location / { token_auth t; root html; }
--- user_files eval: $::Files
--- pipelined_requests eval
[$::A, $::A, $::B, $::B, $::A]
--- more_headers eval
["Host: a.test", "Host: b.test", "Host: b.test", "Host: a.test", "Host: a.test"]
--- error_code eval
[200, 403, 200, 403, 200]

=== TEST 6: a whole URL in the request line names the host, whatever the Host header says
--- http_config eval: $::P
--- config
location / { token_auth t; root html; }
--- user_files eval: $::Files
--- raw_request eval
"GET http://a.test/v?ss_token=bfb386bd8bd0a688991b794888e538e7&ss_expiration=4000000000 HTTP/1.1\r\nHost: b.test\r\nConnection: close\r\n\r\n"
--- error_code: 200

=== TEST 7: and the key of the Host header does not open it
--- http_config eval: $::P
--- config
location / { token_auth t; root html; }
--- user_files eval: $::Files
--- raw_request eval
"GET http://a.test/v?ss_token=032ae4324f551190cf58dfe9292fed95&ss_expiration=4000000000 HTTP/1.1\r\nHost: b.test\r\nConnection: close\r\n\r\n"
--- error_code: 403

=== TEST 8: a request without a host is one for the name of its server, as $host is
--- http_config eval: $::P
--- config
location / { token_auth t; root html; }
--- user_files eval: $::Files
--- raw_request eval
"GET /v?ss_token=2c4458c934a0b114d4c45fedb1c7ccdf&ss_expiration=4000000000 HTTP/1.0\r\nConnection: close\r\n\r\n"
--- error_code: 200

=== TEST 9: two Host headers are no request
--- http_config eval: $::P
--- config
location / { token_auth t; root html; }
--- user_files eval: $::Files
--- raw_request eval
"GET /v?ss_token=bfb386bd8bd0a688991b794888e538e7&ss_expiration=4000000000 HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\nConnection: close\r\n\r\n"
--- error_code: 400

=== TEST 10: the variables: the id of a key is its name
--- http_config eval: $::P
--- config
location / { token_auth t; root html;
    add_header X-Token "$token_auth_status $token_auth_action $token_auth_key_id $token_auth_expires" always; }
--- user_files eval: $::Files
--- request eval
[$::A, "GET /v?ss_token=9cdc1f733e9849a1d043839a24bb9553&ss_expiration=1000000000", $::A]
--- more_headers eval
["Host: a.test", "Host: a.test", "Host: b.test"]
--- error_code eval
[200, 403, 403]
--- response_headers eval
["X-Token: ok allowed token 4000000000", "X-Token: expired refused token 1000000000", "X-Token: invalid refused  "]
--- error_log
token refused: expired, profile "t", key "token",

=== TEST 11: to rotate: two keys of a route; and one of a file, which opens every host
--- http_config
upstream_table sites { zone 1m; file sites.json; }
token_profile t { format scalesimple; key table=sites name=token; key id=before table=sites name=old; key id=all file=key; }
--- config
location / { token_auth t; root html; add_header X-Key $token_auth_key_id always; }
--- user_files eval: $::Files
--- request eval
[$::A, $::O, $::O, $::F, $::F, $::F, "GET /v?ss_token=2eed5e876fcaf1c649a9c02c420907ca&ss_expiration=1000000000"]
--- more_headers eval
["Host: a.test", "Host: a.test", "Host: b.test", "Host: a.test", "Host: b.test", "Host: none.test", "Host: none.test\nX-SS-Token: bfb386bd8bd0a688991b794888e538e7\nX-SS-Expiration: 4000000000"]
--- error_code eval
[200, 200, 403, 200, 200, 200, 403]
--- response_headers eval
["X-Key: token", "X-Key: before", "! X-Key", "X-Key: all", "X-Key: all", "X-Key: all", "X-Key: all"]
--- error_log
token refused: expired, profile "t", key "all"
--- no_error_log
key "all", no key

=== TEST 12: hmac and secure_link, and how a key is spelled
--- http_config
upstream_table sites { zone 1m; file sites.json; }
token_profile h { format hmac; key table=sites name=token encoding=hex; message "{expires}|$uri"; }
token_profile s { format secure_link; key table=sites name=token encoding=hex; message "{expires}$uri {key}"; }
--- config
location / { token_auth $http_profile; root html; }
--- user_files
>>> ../conf/sites.json
{"a.test": {"backends": [], "keys": {"token": "6b65792d61"}},
 "b.test": {"backends": [], "keys": {"token": "6b65792d62"}},
 "c.test": {"backends": [], "keys": {"token": "key-a"}},
 "d.test": {"backends": [], "keys": {"token": "6B65792D61\n"}}}
>>> v
shown
--- request eval
["GET /v?token=TfHizfsrfs8dDusiZQFIImKnEruOudSFmrJdHU8Q3eo&expires=4000000000", "GET /v?token=TfHizfsrfs8dDusiZQFIImKnEruOudSFmrJdHU8Q3eo&expires=4000000000", "GET /v?token=TfHizfsrfs8dDusiZQFIImKnEruOudSFmrJdHU8Q3eo&expires=4000000000", "GET /v?token=TfHizfsrfs8dDusiZQFIImKnEruOudSFmrJdHU8Q3eo&expires=4000000000", "GET /v?md5=ELbmKGbOyqK_WiLLlhM8Lg&expires=4000000000", "GET /v?md5=ELbmKGbOyqK_WiLLlhM8Lg&expires=4000000000", "GET /v?md5=ELbmKGbOyqK_WiLLlhM8Lg&expires=4000000000"]
--- more_headers eval
["Host: a.test\nProfile: h", "Host: b.test\nProfile: h", "Host: c.test\nProfile: h", "Host: d.test\nProfile: h", "Host: a.test\nProfile: s", "Host: b.test\nProfile: s", "Host: c.test\nProfile: s"]
--- error_code eval
[200, 403, 403, 200, 200, 403, 403]
--- error_log
token refused: invalid, profile "h", key "token" of its route in upstream_table "sites" is not hex
--- no_error_log
key-a
6b65792d61

=== TEST 13: a table with match exact: the bytes of $host
--- http_config
upstream_table sites { zone 1m; match exact; file sites.json; }
token_profile t { format scalesimple; key table=sites name=token; }
--- config
location / { token_auth t; root html; }
--- user_files
>>> ../conf/sites.json
{"a.test": {"backends": [], "keys": {"token": "key-a"}}, "B.test": {"backends": [], "keys": {"token": "key-b"}}, "*": {"backends": [], "keys": {"token": "key-w"}}}
>>> v
shown
--- request eval
[$::A, $::A, $::B, $::W]
--- more_headers eval
["Host: a.test", "Host: A.test:80", "Host: B.test", "Host: x.test"]
--- error_code eval
[200, 200, 403, 403]

=== TEST 14: a verdict goes along with the request through internal redirects and error pages
--- http_config eval: $::P
--- config
token_auth t;
location / { root html; try_files $uri.none /inner; error_page 403 = /refused; }
location = /inner { token_auth t; root html; try_files /v =404; add_header X-Key "$token_auth_status $token_auth_key_id"; }
location = /refused { token_auth t; add_header X-Key "$token_auth_status $token_auth_action" always; return 403; }
--- user_files eval: $::Files
--- request eval
[$::A, $::A]
--- more_headers eval
["Host: a.test", "Host: b.test"]
--- error_code eval
[200, 403]
--- response_headers eval
["X-Key: ok token", "X-Key: invalid refused"]

=== TEST 15: satisfy any, dry run, a guarded return
--- http_config eval: $::P
--- config
location / { token_auth t; satisfy any; deny all; root html; }
location /dry { token_auth t; token_auth_dry_run on; return 204; root html; }
location /try { token_auth t; token_auth_dry_run on; add_header X-A $token_auth_action; root html; try_files /v =404; }
location /guard { token_auth t; if ($token_auth_status != ok) { return 410; } return 204; }
--- user_files eval: $::Files
--- request eval
[$::A, $::A, "GET /try?ss_token=1fe4c5c73237caa4809a3e490f9fd0a6&ss_expiration=4000000000", "GET /guard?ss_token=3c6fbdf64dcd2db68500b78384660976&ss_expiration=4000000000", "GET /guard?ss_token=3c6fbdf64dcd2db68500b78384660976&ss_expiration=4000000000"]
--- more_headers eval
["Host: a.test", "Host: b.test", "Host: a.test", "Host: a.test", "Host: b.test"]
--- error_code eval
[200, 403, 200, 204, 410]
--- error_log
dry run, token refused: invalid, profile "t",

=== TEST 16: a subrequest reads the verdict of the main request
--- http_config eval: $::P
--- config
location / { token_auth t; root html; auth_request /ask; }
location = /ask { internal; token_auth t; if ($token_auth_status = ok) { return 204; } return 401; }
--- user_files eval: $::Files
--- request eval
[$::A, $::A]
--- more_headers eval
["Host: a.test", "Host: b.test"]
--- error_code eval
[200, 403]

=== TEST 17: neither a secret nor an expected token is in a log or an answer
--- http_upstream: u
--- http_config eval
$::P . 'token_profile h { format hmac; key table=sites name=token; message "{expires}|$uri"; }'
--- config
location / { token_auth t; token_auth_dry_run on; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_U; }
location /h { token_auth h; token_auth_dry_run on; proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_U; }
--- log_level: debug
--- user_files eval: $::Files
--- request eval
["GET /v?ss_token=00000000000000000000000000000000&ss_expiration=4000000000", "GET /h?token=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&expires=4000000000"]
--- more_headers
Host: a.test
--- response_body_unlike eval
["key-a|bfb386bd8bd0a688991b794888e538e7", "key-a|FTuY4X-aBLWxSN1hITKM2Uw_ftr1E5e4No69zuZFhgw"]
--- error_log
dry run, token refused: invalid, profile "t"
dry run, token refused: invalid, profile "h"
--- no_error_log
key-a
bfb386bd8bd0a688991b794888e538e7
FTuY4X-aBLWxSN1hITKM2Uw_ftr1E5e4No69zuZFhgw

=== TEST 18: keys of any size that a route can have, among others
--- http_config eval: $::P
--- config
location / { token_auth t; root html; }
--- user_files eval
'>>> ../conf/sites.json
{"a.test": {"backends": [], "keys": {"other": "' . ("y" x 80) . '", "token": "' . ("x" x 900) . '"}},
 "b.test": {"backends": [], "keys": {"k0": "v", "k1": "v", "k2": "v", "k3": "v", "k4": "v", "k5": "v", "k6": "v", "k7": "v", "k8": "v", "k9": "v", "k10": "v", "k11": "v", "k12": "v", "k13": "v", "k14": "v", "k15": "v", "k16": "v", "k17": "v", "k18": "v", "k19": "v", "k20": "v", "k21": "v", "k22": "v", "k23": "v", "k24": "v", "k25": "v", "k26": "v", "k27": "v", "k28": "v", "k29": "v", "k30": "v", "k31": "v", "k32": "v", "k33": "v", "k34": "v", "k35": "v", "k36": "v", "k37": "v", "k38": "v", "k39": "v", "k40": "v", "k41": "v", "k42": "v", "k43": "v", "k44": "v", "k45": "v", "k46": "v", "k47": "v", "k48": "v", "k49": "v", "k50": "v", "k51": "v", "k52": "v", "k53": "v", "k54": "v", "k55": "v", "k56": "v", "k57": "v", "k58": "v", "k59": "v", "k60": "v", "k61": "v", "k62": "v", "k63": "v", "k64": "v", "k65": "v", "k66": "v", "k67": "v", "k68": "v", "k69": "v", "k70": "v", "k71": "v", "k72": "v", "k73": "v", "k74": "v", "k75": "v", "k76": "v", "k77": "v", "k78": "v", "k79": "v", "k80": "v", "k81": "v", "k82": "v", "k83": "v", "k84": "v", "k85": "v", "k86": "v", "k87": "v", "k88": "v", "k89": "v", "k90": "v", "k91": "v", "k92": "v", "k93": "v", "k94": "v", "k95": "v", "k96": "v", "k97": "v", "k98": "v", "k99": "v", "k100": "v", "k101": "v", "k102": "v", "k103": "v", "k104": "v", "k105": "v", "k106": "v", "k107": "v", "k108": "v", "k109": "v", "k110": "v", "k111": "v", "k112": "v", "k113": "v", "k114": "v", "k115": "v", "k116": "v", "k117": "v", "k118": "v", "k119": "v", "k120": "v", "k121": "v", "k122": "v", "k123": "v", "k124": "v", "k125": "v", "k126": "v", "k127": "v", "k128": "v", "k129": "v", "k130": "v", "k131": "v", "k132": "v", "k133": "v", "k134": "v", "k135": "v", "k136": "v", "k137": "v", "k138": "v", "k139": "v", "k140": "v", "k141": "v", "k142": "v", "k143": "v", "k144": "v", "k145": "v", "k146": "v", "k147": "v", "k148": "v", "k149": "v", "k150": "v", "k151": "v", "k152": "v", "k153": "v", "k154": "v", "k155": "v", "k156": "v", "k157": "v", "k158": "v", "k159": "v", "k160": "v", "k161": "v", "k162": "v", "k163": "v", "k164": "v", "k165": "v", "k166": "v", "k167": "v", "k168": "v", "k169": "v", "k170": "v", "k171": "v", "k172": "v", "k173": "v", "k174": "v", "k175": "v", "k176": "v", "k177": "v", "k178": "v", "k179": "v", "k180": "v", "k181": "v", "k182": "v", "k183": "v", "k184": "v", "k185": "v", "k186": "v", "k187": "v", "k188": "v", "k189": "v", "k190": "v", "k191": "v", "k192": "v", "k193": "v", "k194": "v", "k195": "v", "k196": "v", "k197": "v", "k198": "v", "k199": "v", "token": "key-b"}}}
>>> v
shown
'
--- request eval
["GET /v?ss_token=775e72239b44c4d868c2c46c29cc96c3&ss_expiration=4000000000", $::B, "GET /v?ss_token=e6a4c1772fee9c0fc76d074607f3d8d2&ss_expiration=4000000000", "GET /v?ss_token=8eb60705ea3fbe234218884c96152263&ss_expiration=4000000000"]
--- more_headers eval
["Host: a.test", "Host: b.test", "Host: a.test", "Host: b.test"]
--- error_code eval
[200, 200, 403, 403]

=== TEST 19: a key table may stand before its table, in an include; one that is nowhere is refused
--- http_config
CASE
--- user_files
>>> ../conf/sites.json
{}
>>> ../conf/key
key-f
>>> ../conf/t.conf
token_profile t {
    format scalesimple;

    key table=sitez name=token;
    key file=key;
}
--- conf_cases
# a table that stands behind
token_profile t { format scalesimple; key table=sites name=token; } upstream_table sites { zone 1m; file sites.json; }
=> ok
# an unknown table
token_profile t { format scalesimple; key table=sitez name=token; } upstream_table sites { zone 1m; file sites.json; }
=> unknown upstream_table "sitez" in "key" directive
# the line that names it is that of the key
include t.conf; upstream_table sites { zone 1m; file sites.json; }
=> unknown upstream_table "sitez" in "key" directive @ t.conf:4
# a table without a name
token_profile t { format scalesimple; key table=sites; }
=> "key" with "table" must have "name" parameter
# a name without a table
token_profile t { format scalesimple; key name=token; }
=> "key" with "name" must have "table" parameter
# a file and a table
token_profile t { format scalesimple; key table=sites name=token file=key; }
=> "key" takes one of "file" and "table"
# a format without keys
token_profile t { format open; key table=sites name=token; }
=> token_profile "t" has a "key", format "open" takes none

=== TEST 20: a JSON Web Token under the secret of the host's route
--- http_config
upstream_table sites { zone 1m; file sites.json; }
token_profile t { format jwt; key table=sites name=token; }
--- config
location / { token_auth t; root html; }
--- user_files
>>> ../conf/sites.json
{"a.test": {"backends": [], "keys": {"token": "0123456789abcdef0123456789abcdef"}},
 "b.test": {"backends": [], "keys": {"token": "fedcba9876543210fedcba9876543210"}},
 "c.test": {"backends": []}}
>>> v
shown
--- request eval
["GET /v", "GET /v", "GET /v", "GET /v"]
--- more_headers eval
["Host: a.test\nAuthorization: Bearer $::J", "Host: b.test\nAuthorization: Bearer $::J", "Host: c.test\nAuthorization: Bearer $::J", "Host: a.test"]
--- error_code eval
[200, 401, 401, 401]
--- error_log
token refused: invalid, profile "t",
no key "token" for its host in upstream_table "sites"

=== TEST 21: a link of CloudFront under the public key of the host's route, whatever Key-Pair-Id it names
--- http_config
upstream_table sites { zone 1m; file sites.json; }
token_profile t { format cloudfront; key table=sites name=token; origin https://media.example.com; from query; }
--- config
location / { token_auth t; root html; }
--- user_files
>>> ../conf/sites.json
{"rsa.test": {"backends": [], "keys": {"token": "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAmL+JKPfSYMYajDiL0KDI\n7iIZe/DDkd9NkOA3c495YfCTzeccF5/Z+99CIlyfIF8Wzx9A3xcSJi6S1K+VfUvL\nmTqgDCohuiRPeYSxpuinaVxGkiJQ+tMgEMok0PyrlpI1QJVNDkAIDTmN1ePeoDV4\nRQok70hs0MLpnzz2tlG9uRT8S/EUrdYRa/humMIZRGuRb4LS6YW4q7x1B5WmOjxf\nJF614eQaXiS1CiUWPHbayR61O8ITsWAxrQ9TxT9zL/I8bmywjwuOKlcco69P3rFf\npqqJATtRswZhKKrbAQiOxu5Pqe2/qBSwckMpm6lpn+5FbPgZHxehXz7Wfie0874M\n1QIDAQAB\n-----END PUBLIC KEY-----\n"}},
 "ec.test": {"backends": [], "keys": {"token": "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEmVO1vfwGEOe8xsSN1nE6hrt2qPTK\nApj8MJpqgqtPa3lUN5EMzlKx1wUZakNBumTwbktnSZEmvPhIAW5+3zmtGw==\n-----END PUBLIC KEY-----\n"}},
 "p384.test": {"backends": [], "keys": {"token": "-----BEGIN PUBLIC KEY-----\nMHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEuoaLKDU+HMpnShDCx4iQO8VTe3MIa2bB\nI2spo/fjcZU8ObbGzyzdFSr8mDDo50PxmSaepH7pH8OaMXaqebH8CdSEVYZSTVmW\n6Fd8+L1g6aYjIoBHSZApnr1eFFdKCqwm\n-----END PUBLIC KEY-----\n"}},
 "none.test": {"backends": []}}
>>> v
shown
--- request eval
["GET /v?Expires=4000000000&Key-Pair-Id=K2&Hash-Algorithm=SHA256&Signature=IDHsb-AhCccW9-xOwIsI78jNWSI32rWhtW-WJ04hzKDNGCFlRzLPTd3hV0LThyT2CIrOy-aDSZVEnFVhXXY0S27KnBZBkJRZWXv5Yk~BX3PL9Gaam89i4fMJtSob3zNe-JZi205k40QBACxdqFrnjBMZTAG7o-3XFtmRZKAmEu70XuJ8--xFezmcR-2PakIKU53GE0-pr-eg04ZNB9iTR4J5rozKl6dV46y9qLSNn7tXyrbhHo2U6P0SEr62P94g7J77K2m2VbdcCu9pFv6AFxZnMxrKh0dsy2eGjpo0PVWpUluSVr1BsjYs5QlTNqpu74R~q4yi3J594kK7OUH-fw__", "GET /v?Expires=4000000000&Key-Pair-Id=K1&Hash-Algorithm=SHA256&Signature=MEUCIQCZzYL9mASv9aXqfvw-DxmY64g9bk4sZXIk~5k3yMAFGQIgEVbBOgbhmDLo1CrZJW1q~WqwvcmPQ7rgS-vuzFBMlbM_", "GET /v?Expires=4000000000&Key-Pair-Id=any&Hash-Algorithm=SHA256&Signature=IDHsb-AhCccW9-xOwIsI78jNWSI32rWhtW-WJ04hzKDNGCFlRzLPTd3hV0LThyT2CIrOy-aDSZVEnFVhXXY0S27KnBZBkJRZWXv5Yk~BX3PL9Gaam89i4fMJtSob3zNe-JZi205k40QBACxdqFrnjBMZTAG7o-3XFtmRZKAmEu70XuJ8--xFezmcR-2PakIKU53GE0-pr-eg04ZNB9iTR4J5rozKl6dV46y9qLSNn7tXyrbhHo2U6P0SEr62P94g7J77K2m2VbdcCu9pFv6AFxZnMxrKh0dsy2eGjpo0PVWpUluSVr1BsjYs5QlTNqpu74R~q4yi3J594kK7OUH-fw__", "GET /v?Expires=4000000000&Key-Pair-Id=K1&Hash-Algorithm=SHA256&Signature=MEUCIQCZzYL9mASv9aXqfvw-DxmY64g9bk4sZXIk~5k3yMAFGQIgEVbBOgbhmDLo1CrZJW1q~WqwvcmPQ7rgS-vuzFBMlbM_", "GET /v?Expires=4000000000&Key-Pair-Id=K2&Hash-Algorithm=SHA256&Signature=IDHsb-AhCccW9-xOwIsI78jNWSI32rWhtW-WJ04hzKDNGCFlRzLPTd3hV0LThyT2CIrOy-aDSZVEnFVhXXY0S27KnBZBkJRZWXv5Yk~BX3PL9Gaam89i4fMJtSob3zNe-JZi205k40QBACxdqFrnjBMZTAG7o-3XFtmRZKAmEu70XuJ8--xFezmcR-2PakIKU53GE0-pr-eg04ZNB9iTR4J5rozKl6dV46y9qLSNn7tXyrbhHo2U6P0SEr62P94g7J77K2m2VbdcCu9pFv6AFxZnMxrKh0dsy2eGjpo0PVWpUluSVr1BsjYs5QlTNqpu74R~q4yi3J594kK7OUH-fw__", "GET /v?Expires=4000000000&Key-Pair-Id=K1&Hash-Algorithm=SHA256&Signature=MEUCIQCZzYL9mASv9aXqfvw-DxmY64g9bk4sZXIk~5k3yMAFGQIgEVbBOgbhmDLo1CrZJW1q~WqwvcmPQ7rgS-vuzFBMlbM_", "GET /v?Expires=4000000000&Key-Pair-Id=K2&Hash-Algorithm=SHA256&Signature=IDHsb-AhCccW9-xOwIsI78jNWSI32rWhtW-WJ04hzKDNGCFlRzLPTd3hV0LThyT2CIrOy-aDSZVEnFVhXXY0S27KnBZBkJRZWXv5Yk~BX3PL9Gaam89i4fMJtSob3zNe-JZi205k40QBACxdqFrnjBMZTAG7o-3XFtmRZKAmEu70XuJ8--xFezmcR-2PakIKU53GE0-pr-eg04ZNB9iTR4J5rozKl6dV46y9qLSNn7tXyrbhHo2U6P0SEr62P94g7J77K2m2VbdcCu9pFv6AFxZnMxrKh0dsy2eGjpo0PVWpUluSVr1BsjYs5QlTNqpu74R~q4yi3J594kK7OUH-fw__"]
--- more_headers eval
["Host: rsa.test", "Host: ec.test", "Host: rsa.test", "Host: rsa.test", "Host: ec.test", "Host: p384.test", "Host: none.test"]
--- error_code eval
[200, 200, 200, 403, 403, 403, 403]
--- error_log
key "token" of its route in upstream_table "sites" is no key that the format can use
no key "token" for its host in upstream_table "sites"

=== TEST 22: tokens of Google's CDNs under the key of the host's route
--- http_config
upstream_table sites { zone 1m; file sites.json; }
token_profile c { format gcp_cdn;   key table=sites name=token encoding=text; origin https://media.example.com; from query; }
token_profile m { format gcp_media; key table=sites name=token encoding=text; from query; }
token_profile e { format gcp_media; key table=sites name=public; algorithm ed25519; from query; }
--- config
location /v { token_auth c; root html; }
location /m { token_auth m; alias html/v; }
location /e { token_auth e; alias html/v; }
--- user_files
>>> ../conf/sites.json
{"a.test": {"backends": [], "keys": {"token": "example", "public": "3MuvGpqqfVve14wQQqT5n_itA_xweiWC8m-RBLvsHe0="}},
 "b.test": {"backends": [], "keys": {"token": "examples", "public": "MuvGpqqfVve14wQQqT5n_itA_xweiWC8m-RBLvsHe0="}}}
>>> v
shown
--- request eval
["GET /v?Expires=4000000000&KeyName=web&Signature=k9L9KyVG-EUK9d2ouT50CK1XG7Y=", "GET /v?Expires=4000000000&KeyName=web&Signature=k9L9KyVG-EUK9d2ouT50CK1XG7Y=",
 "GET /m?edge-cache-token=PathGlobs=/*~Expires=4000000000~hmac=7e257314f39810f6d185e7e1898c4a61346b80fc07cb73e61287680f9d55b4f5", "GET /m?edge-cache-token=PathGlobs=/*~Expires=4000000000~hmac=7e257314f39810f6d185e7e1898c4a61346b80fc07cb73e61287680f9d55b4f5",
 "GET /e?edge-cache-token=PathGlobs=/*~Expires=4000000000~Signature=Bit5nQqmBbW4C0Ub3ko6v-AB-BoxToZ3TNhYgJBay0zJou8lQr34pLQzoC1KZdwuKb5Q3JsLc4xyf6qEjtavDQ", "GET /e?edge-cache-token=PathGlobs=/*~Expires=4000000000~Signature=Bit5nQqmBbW4C0Ub3ko6v-AB-BoxToZ3TNhYgJBay0zJou8lQr34pLQzoC1KZdwuKb5Q3JsLc4xyf6qEjtavDQ"]
--- more_headers eval
["Host: a.test", "Host: b.test", "Host: a.test", "Host: b.test", "Host: a.test", "Host: b.test"]
--- error_code eval
[200, 403, 200, 403, 200, 403]

=== TEST 23: a Common Access Token under the secret of the host's route
--- http_config
upstream_table sites { zone 1m; file sites.json; }
token_profile t { format cat; key table=sites name=token; }
--- config
location / { token_auth t; root html; }
--- user_files
>>> ../conf/sites.json
{"a.test": {"backends": [], "keys": {"token": "0123456789abcdef0123456789abcdef"}},
 "b.test": {"backends": [], "keys": {"token": "fedcba9876543210fedcba9876543210"}},
 "c.test": {"backends": [], "keys": {"token": "\u0000\u0000\u0000\u0000"}}}
>>> v
shown
--- request eval
["GET /v?CAT=2D3RhEOhAQWgUaMEGu5rKAAGGmsOXmYZATYBWCBMvPDXxyDkSGtCGT4RP3Ne3nMetj1HObBfOe6VxdmZ_g",
 "GET /v?CAT=2D3RhEOhAQWgUaMEGu5rKAAGGmsOXmYZATYBWCBMvPDXxyDkSGtCGT4RP3Ne3nMetj1HObBfOe6VxdmZ_g",
 "GET /v?CAT=2D3RhEOhAQWgUaMEGu5rKAAGGmsOXmYZATYBWCBMvPDXxyDkSGtCGT4RP3Ne3nMetj1HObBfOe6VxdmZ_g"]
--- more_headers eval
["Host: a.test", "Host: b.test", "Host: c.test"]
--- error_code eval
[200, 401, 401]
--- error_log
key "token" of its route in upstream_table "sites" is nothing but NUL or white space
