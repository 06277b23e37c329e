# What operators asked for: the configurations of their questions, as they write them.
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    geoip_db $TEST_NGINX_DATA/geo.mmdb;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;
    token_profile partner { format scalesimple; key id=a file=keys/a; }
_EOC_

our $Files = <<'_EOC_';
>>> ../conf/keys/a
secret
>>> ../conf/office.txt
# the office, and the one in Lyon
10.1.0.0/16
2001:db8:7::/48
>>> ../conf/closed.txt
KP
SY
RU   # since March
_EOC_

no_long_string();
run_tests();

__DATA__

=== TEST 1: two countries, but the office and those with a token: satisfy any
--- http_config eval: $::Http
--- user_files eval: $::Files
--- config
location = /t {
    satisfy any;
    allow 10.1.0.0/16;
    deny all;
    geoip_deny country=KP,RU;
    geoip_allow country=FR,US;
    token_auth partner;
    empty_gif;
}
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /t?ss_token=126649919ea37f52f5e2f31136147841&ss_expiration=4000000000"]
--- more_headers eval
["X-Real-IP: 10.1.2.3", "X-Real-IP: 192.0.2.1", "X-Real-IP: 203.0.113.1", "X-Real-IP: 127.0.0.2", "X-Real-IP: 10.2.0.1", "X-Real-IP: 203.0.113.1"]
--- error_code eval
[200, 200, 403, 403, 403, 200]

=== TEST 2: the same without satisfy: lists in files, an exception by address and one by anything else
--- http_config eval
$::Http . 'map $http_x_partner $is_partner { default 0; gold 1; }'
--- user_files eval: $::Files
--- config
location = /t {
    geoip_bypass $is_partner;
    geoip_allow address=@office.txt;
    geoip_deny country=@closed.txt;
    geoip_deny unknown=yes;
    empty_gif;
}
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval
["X-Real-IP: 10.1.2.3", "X-Real-IP: 10.2.2.3", "X-Real-IP: 203.0.113.1", "X-Real-IP: 203.0.113.1\nX-Partner: gold", "X-Real-IP: 203.0.113.1\nX-Partner: tin",
 "X-Real-IP: 2001:db8:7::1", "X-Real-IP: 192.0.2.1"]
--- error_code eval
[200, 403, 403, 200, 403, 200, 200]

=== TEST 3: who is refused is sent elsewhere, or hears nothing
--- http_config eval: $::Http
--- user_files eval: $::Files
--- config
location = /moved { geoip_deny country=@closed.txt; error_page 403 =302 http://elsewhere.test/; empty_gif; }
location = /law { geoip_deny country=@closed.txt; geoip_status 451; error_page 451 /law.txt; empty_gif; }
location = /law.txt { internal; return 200 "by law"; }
location = /dry { geoip_deny country=@closed.txt; geoip_dry_run on; geoip_status 444; empty_gif; }
--- request eval
["GET /moved", "GET /law", "GET /dry"]
--- more_headers
X-Real-IP: 203.0.113.1
--- error_code eval
[302, 451, 200]

=== TEST 4: a policy that data chooses, its lists in files
--- http_config eval
$::Http . 'geoip_policy open { }
geoip_policy licensed { allow address=@office.txt; deny country=@closed.txt unknown=yes; deny country=@closed.txt; deny unknown=yes; status 451; }
map $arg_site $policy { default ""; free open; film licensed; off off; gone none; }'
--- user_files eval: $::Files
--- config
location = /t { geoip_use $policy; empty_gif; }
--- request eval
["GET /t?site=free", "GET /t?site=film", "GET /t?site=off", "GET /t?site=gone", "GET /t"]
--- more_headers
X-Real-IP: 203.0.113.1
--- error_code eval
[200, 451, 500, 500, 500]

=== TEST 5: the office, those with a token, and everybody but two countries, without a line that closes: each check says why
--- http_config eval: $::Http
--- user_files eval: $::Files
--- config
location = /t {
    satisfy any;
    allow 10.1.0.0/16;
    geoip_deny country=KP,RU;
    geoip_allow all;
    token_auth partner;
    geoip_status 403;
    empty_gif;
}
location = /451 {
    satisfy any;
    allow 10.1.0.0/16;
    geoip_deny country=KP,RU;
    geoip_allow all;
    token_auth partner;
    geoip_status 451;
    empty_gif;
}
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t", "GET /t?ss_token=126649919ea37f52f5e2f31136147841&ss_expiration=4000000000", "GET /451", "GET /451"]
--- more_headers eval
["X-Real-IP: 10.1.2.3", "X-Real-IP: 192.0.2.1", "X-Real-IP: 10.2.0.1", "X-Real-IP: 203.0.113.1", "X-Real-IP: 203.0.113.1", "X-Real-IP: 10.1.2.3", "X-Real-IP: 127.0.0.2"]
--- error_code eval
[200, 200, 200, 403, 200, 200, 403]
--- error_log eval
[qr/country refused: RU, rule "country=KP,RU" in .*"GET \/t /, qr/token refused: missing, profile "partner".*"GET \/t /, qr/country refused: KP, rule "country=KP,RU" in .*"GET \/451 /]

=== TEST 6: a CDN whose tenants are data: tokens, countries and origin of each host
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
upstream_table sites { zone 256m; redis 127.0.0.1:$TEST_NGINX_RAND_PORT_1; state sites.state; miss 404; }
upstream sites { upstream_lookup sites $host; keepalive 64; }
upstream_variable $site_token  sites $host token  default=public;
upstream_variable $site_geo    sites $host geo    default=open;
upstream_variable $site_origin sites $host origin default=$host;
token_profile public { format open; }
token_profile signed { format hmac; message "$uri{expires}"; key table=sites name=token_key; }
geoip_policy open { } geoip_policy eu { allow eu=yes; deny all; }
proxy_cache_path cache keys_zone=edge:1m;
--- config
location / {
    token_auth $site_token; geoip_use $site_geo;
    proxy_set_header Host $site_origin;
    proxy_cache edge; proxy_cache_key $host$uri$is_args$args;
    proxy_ssl_server_name on;
    proxy_pass https://sites;
}
--- config_ok
