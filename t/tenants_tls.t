# A certificate for each host from the table: upstream_variable read in the TLS handshake.
# requires: with http_ssl_module
use Test::Nginx::Socket 'no_plan';

# The front is a client of the TLS server beside it: it asks for ?sni= and verifies what it gets for that name.
our $Tls = <<'_EOC_';
upstream_table sites { zone 1m; file sites.json; }
upstream_variable $certificate sites $ssl_server_name certificate default=one;
upstream_variable $origin sites $host origin default=$host;
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1 ssl;
    ssl_certificate     $TEST_NGINX_DATA/tls/$certificate.pem;
    ssl_certificate_key $TEST_NGINX_DATA/tls/$certificate.key;
    location / { return 200 "sni=$ssl_server_name $certificate"; }
}
_EOC_

our $Front = <<'_EOC_';
proxy_ssl_server_name on;
proxy_ssl_session_reuse off;
proxy_ssl_name $arg_sni;
proxy_ssl_trusted_certificate $TEST_NGINX_DATA/tls/ca.pem;
proxy_ssl_verify on;
location / { proxy_pass https://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
location /off { proxy_ssl_verify off; proxy_pass https://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
_EOC_

our $Files = <<'_EOC_';
>>> ../conf/sites.json
{"one.internal": {"backends": [], "vars": {"certificate": "one"}},
 "two.internal": {"backends": [], "vars": {"certificate": "two"}},
 "*.internal":   {"backends": [], "vars": {"certificate": "two"}},
 "none.test":    {"backends": [], "vars": {"certificate": "missing"}},
 "empty.test":   {"backends": [], "vars": {"certificate": ""}}}
_EOC_

no_long_string();
run_tests();

__DATA__

=== TEST 1: each host has its own certificate, and it verifies
--- http_config eval: $::Tls
--- config eval: $::Front
--- user_files eval: $::Files
--- request eval
["GET /?sni=one.internal", "GET /?sni=two.internal", "GET /?sni=TWO.internal", "GET /?sni=one.internal"]
--- response_body_like eval
["^sni=one\\.internal one\$", "^sni=two\\.internal two\$", "^sni=TWO\\.internal two\$", "^sni=one\\.internal one\$"]

=== TEST 2: a host that no route knows gets the default's, and so does a client without a name
--- http_config eval: $::Tls
--- config eval
$::Front . 'location /nameless { proxy_ssl_server_name off; proxy_ssl_name one.internal; proxy_pass https://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }'
--- user_files eval: $::Files
--- request eval
["GET /off?sni=unknown.test", "GET /?sni=unknown.test", "GET /nameless"]
--- error_code eval
[200, 502, 200]
--- response_body_like eval
["^sni=unknown\\.test one\$", "502", "^sni= one\$"]
--- error_log
upstream SSL certificate does not match "unknown.test"

=== TEST 3: a certificate that is not there costs this handshake only: nginx starts without reading any
--- http_config eval: $::Tls
--- config eval: $::Front
--- user_files eval: $::Files
--- request eval
["GET /?sni=none.test", "GET /?sni=empty.test", "GET /?sni=one.internal"]
--- error_code eval
[502, 502, 200]
--- error_log
tls/missing.pem"
tls/.pem"
tlsv1 alert internal error

=== TEST 4: every variable of the module can be read in a handshake: what needs a request is not found
--- http_config eval
'geoip_db $TEST_NGINX_DATA/geo.mmdb;
geoip_policy p { deny country=RU; }
geoip_deny country=FR;
geoip_use p;
token_profile t { format scalesimple; key table=sites name=token; key text=x; }
token_auth t;
md5_hash $hash "$ssl_server_name";
geoip_variable $name country.iso_code default=-;
map "$token_auth_status$token_auth_action$token_auth_key_id$token_auth_expires$token_auth_profile" $tokens { default one; }
map "$geoip_country$geoip_continent$geoip_subdivision$geoip_asn$geoip_verdict$geoip_action$geoip_rule$geoip_build_epoch$name" $countries { default one; }
map "$upstream_lookup_result$upstream_lookup_key$upstream_lookup_id$gatehouse_version$hash" $others { default one; }
map "$tokens$countries$others" $all { oneoneone one; default missing; }
upstream_table sites { zone 1m; file sites.json; }
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1 ssl;
    ssl_certificate     $TEST_NGINX_DATA/tls/$all.pem;
    ssl_certificate_key $TEST_NGINX_DATA/tls/$all.key;
    token_auth off;
    location / { return 200 "sni=$ssl_server_name $hash"; }
}
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_2 ssl;
    ssl_certificate     $TEST_NGINX_DATA/tls/$all.pem;
    ssl_certificate_key $TEST_NGINX_DATA/tls/$all.key;
    token_auth $hash;
    geoip_use $hash;
    location / { return 200 "sni=$ssl_server_name"; }
}'
--- config eval
$::Front . 'token_auth off; location /unknown { proxy_ssl_verify off; proxy_pass https://127.0.0.1:$TEST_NGINX_RAND_PORT_2; }'
--- user_files eval: $::Files
--- request eval
["GET /?sni=one.internal", "GET /unknown?sni=one.internal", "GET /?sni=one.internal"]
--- error_code eval
[200, 200, 200]
--- response_body_like eval
["^sni=one\\.internal [0-9a-f]{32}\$", "^sni=one", "^sni=one"]
--- error_log eval
["token_auth: unknown token_profile", "geoip_use: unknown geoip_policy"]

=== TEST 5: a default may have variables
--- http_config
upstream_table sites { zone 1m; file sites.json; }
upstream_variable $origin sites $arg_host origin default=$arg_other.test;
--- config
location / { return 200 "[$origin]"; }
--- user_files
>>> ../conf/sites.json
{"a.test": {"backends": [], "vars": {"origin": "inside"}}, "b.test": {"backends": [], "vars": {"other": "x"}}, "c.test": {"backends": [], "vars": {"origin": ""}}}
--- request eval
["GET /?host=a.test&other=x", "GET /?host=b.test&other=x", "GET /?host=none&other=x", "GET /?host=c.test&other=x", "GET /?other=y"]
--- response_body eval
["[inside]", "[x.test]", "[x.test]", "[]", "[y.test]"]
