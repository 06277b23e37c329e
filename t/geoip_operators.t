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
