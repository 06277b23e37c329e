# Made by t/make-satisfy, do not edit: `satisfy` with GeoIP, tokens, allow/deny and auth_basic, for every verdict and status.
#
# /none, /ok and /403 are locations without allow/deny, with one that allows and one that denies; with auth_basic in /…-basic.
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    geoip_db $TEST_NGINX_DATA/geo.mmdb;
    token_profile video { format scalesimple; key text=satisfy-test; }
_EOC_

our $Files = <<'_EOC_';
>>> ../conf/users
user:{PLAIN}password
>>> ../conf/locations.conf
location = /none { empty_gif; }
location = /ok { allow 127.0.0.1; empty_gif; }
location = /403 { deny all; empty_gif; }
location = /none-basic { auth_basic realm; auth_basic_user_file users; empty_gif; }
location = /ok-basic { allow 127.0.0.1; auth_basic realm; auth_basic_user_file users; empty_gif; }
location = /403-basic { deny all; auth_basic realm; auth_basic_user_file users; empty_gif; }
_EOC_

no_long_string();
run_tests();

__DATA__

=== TEST 1: satisfy all, GeoIP off (451), token off (451)
--- http_config eval: $::Http
--- config
satisfy all;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[200, 200, 401, 200, 200, 401, 403, 403, 403]

=== TEST 2: satisfy all, GeoIP off (451), token ok (451)
--- http_config eval: $::Http
--- config
satisfy all;
token_auth video;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-SS-Token: 1fad2110e4eb66a065f4aa31ff525e85\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 2bb4219a787feb446be3ec96069e9f2b\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: 806a6965463af1a047d33641f0307a43\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800", "X-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800"]
--- error_code eval
[200, 200, 401, 200, 200, 401, 403, 403, 403]

=== TEST 3: satisfy all, GeoIP off (451), token dry-run (451)
--- http_config eval: $::Http
--- config
satisfy all;
token_auth video; token_auth_dry_run on; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[200, 200, 401, 200, 200, 401, 403, 403, 403]

=== TEST 4: satisfy all, GeoIP off (403), token refused (403)
--- http_config eval: $::Http
--- config
satisfy all;
token_auth video; token_auth_status default=403;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[403, 403, 403, 403, 403, 403, 403, 403, 403]

=== TEST 5: satisfy all, GeoIP off (410), token refused (410)
--- http_config eval: $::Http
--- config
satisfy all;
token_auth video; token_auth_status default=410;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[410, 410, 410, 410, 410, 410, 410, 410, 410]

=== TEST 6: satisfy all, GeoIP off (451), token refused (451)
--- http_config eval: $::Http
--- config
satisfy all;
token_auth video; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[451, 451, 451, 451, 451, 451, 451, 451, 451]

=== TEST 7: satisfy all, GeoIP ok (451), token off (451)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_allow country=JP;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[200, 200, 401, 200, 200, 401, 403, 403, 403]

=== TEST 8: satisfy all, GeoIP ok (451), token ok (451)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_allow country=JP;
token_auth video;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-SS-Token: 1fad2110e4eb66a065f4aa31ff525e85\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 2bb4219a787feb446be3ec96069e9f2b\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: 806a6965463af1a047d33641f0307a43\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800", "X-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800"]
--- error_code eval
[200, 200, 401, 200, 200, 401, 403, 403, 403]

=== TEST 9: satisfy all, GeoIP ok (451), token dry-run (451)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_allow country=JP;
token_auth video; token_auth_dry_run on; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[200, 200, 401, 200, 200, 401, 403, 403, 403]

=== TEST 10: satisfy all, GeoIP ok (403), token refused (403)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_allow country=JP;
token_auth video; token_auth_status default=403;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[403, 403, 403, 403, 403, 403, 403, 403, 403]

=== TEST 11: satisfy all, GeoIP ok (410), token refused (410)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_allow country=JP;
token_auth video; token_auth_status default=410;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[410, 410, 410, 410, 410, 410, 410, 410, 410]

=== TEST 12: satisfy all, GeoIP ok (451), token refused (451)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_allow country=JP;
token_auth video; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[451, 451, 451, 451, 451, 451, 451, 451, 451]

=== TEST 13: satisfy all, GeoIP unmatched (451), token off (451)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_allow country=FR; geoip_deny country=RU;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[200, 200, 401, 200, 200, 401, 403, 403, 403]

=== TEST 14: satisfy all, GeoIP unmatched (451), token ok (451)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_allow country=FR; geoip_deny country=RU;
token_auth video;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-SS-Token: 1fad2110e4eb66a065f4aa31ff525e85\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 2bb4219a787feb446be3ec96069e9f2b\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: 806a6965463af1a047d33641f0307a43\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800", "X-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800"]
--- error_code eval
[200, 200, 401, 200, 200, 401, 403, 403, 403]

=== TEST 15: satisfy all, GeoIP unmatched (451), token dry-run (451)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_allow country=FR; geoip_deny country=RU;
token_auth video; token_auth_dry_run on; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[200, 200, 401, 200, 200, 401, 403, 403, 403]

=== TEST 16: satisfy all, GeoIP unmatched (403), token refused (403)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_allow country=FR; geoip_deny country=RU;
token_auth video; token_auth_status default=403;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[403, 403, 403, 403, 403, 403, 403, 403, 403]

=== TEST 17: satisfy all, GeoIP unmatched (410), token refused (410)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_allow country=FR; geoip_deny country=RU;
token_auth video; token_auth_status default=410;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[410, 410, 410, 410, 410, 410, 410, 410, 410]

=== TEST 18: satisfy all, GeoIP unmatched (451), token refused (451)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_allow country=FR; geoip_deny country=RU;
token_auth video; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[451, 451, 451, 451, 451, 451, 451, 451, 451]

=== TEST 19: satisfy all, GeoIP bypassed (451), token off (451)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny all; geoip_bypass 1;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[200, 200, 401, 200, 200, 401, 403, 403, 403]

=== TEST 20: satisfy all, GeoIP bypassed (451), token ok (451)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny all; geoip_bypass 1;
token_auth video;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-SS-Token: 1fad2110e4eb66a065f4aa31ff525e85\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 2bb4219a787feb446be3ec96069e9f2b\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: 806a6965463af1a047d33641f0307a43\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800", "X-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800"]
--- error_code eval
[200, 200, 401, 200, 200, 401, 403, 403, 403]

=== TEST 21: satisfy all, GeoIP bypassed (451), token dry-run (451)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny all; geoip_bypass 1;
token_auth video; token_auth_dry_run on; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[200, 200, 401, 200, 200, 401, 403, 403, 403]

=== TEST 22: satisfy all, GeoIP bypassed (403), token refused (403)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny all; geoip_bypass 1;
token_auth video; token_auth_status default=403;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[403, 403, 403, 403, 403, 403, 403, 403, 403]

=== TEST 23: satisfy all, GeoIP bypassed (410), token refused (410)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny all; geoip_bypass 1;
token_auth video; token_auth_status default=410;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[410, 410, 410, 410, 410, 410, 410, 410, 410]

=== TEST 24: satisfy all, GeoIP bypassed (451), token refused (451)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny all; geoip_bypass 1;
token_auth video; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[451, 451, 451, 451, 451, 451, 451, 451, 451]

=== TEST 25: satisfy all, GeoIP dry-allow (451), token off (451)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_allow country=JP; geoip_dry_run on;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[200, 200, 401, 200, 200, 401, 403, 403, 403]

=== TEST 26: satisfy all, GeoIP dry-allow (451), token ok (451)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_allow country=JP; geoip_dry_run on;
token_auth video;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-SS-Token: 1fad2110e4eb66a065f4aa31ff525e85\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 2bb4219a787feb446be3ec96069e9f2b\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: 806a6965463af1a047d33641f0307a43\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800", "X-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800"]
--- error_code eval
[200, 200, 401, 200, 200, 401, 403, 403, 403]

=== TEST 27: satisfy all, GeoIP dry-allow (451), token dry-run (451)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_allow country=JP; geoip_dry_run on;
token_auth video; token_auth_dry_run on; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[200, 200, 401, 200, 200, 401, 403, 403, 403]

=== TEST 28: satisfy all, GeoIP dry-allow (403), token refused (403)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_allow country=JP; geoip_dry_run on;
token_auth video; token_auth_status default=403;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[403, 403, 403, 403, 403, 403, 403, 403, 403]

=== TEST 29: satisfy all, GeoIP dry-allow (410), token refused (410)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_allow country=JP; geoip_dry_run on;
token_auth video; token_auth_status default=410;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[410, 410, 410, 410, 410, 410, 410, 410, 410]

=== TEST 30: satisfy all, GeoIP dry-allow (451), token refused (451)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_allow country=JP; geoip_dry_run on;
token_auth video; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[451, 451, 451, 451, 451, 451, 451, 451, 451]

=== TEST 31: satisfy all, GeoIP dry-deny (451), token off (451)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny country=JP; geoip_dry_run on; geoip_status 451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[200, 200, 401, 200, 200, 401, 403, 403, 403]

=== TEST 32: satisfy all, GeoIP dry-deny (451), token ok (451)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny country=JP; geoip_dry_run on; geoip_status 451;
token_auth video;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-SS-Token: 1fad2110e4eb66a065f4aa31ff525e85\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 2bb4219a787feb446be3ec96069e9f2b\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: 806a6965463af1a047d33641f0307a43\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800", "X-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800"]
--- error_code eval
[200, 200, 401, 200, 200, 401, 403, 403, 403]

=== TEST 33: satisfy all, GeoIP dry-deny (451), token dry-run (451)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny country=JP; geoip_dry_run on; geoip_status 451;
token_auth video; token_auth_dry_run on; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[200, 200, 401, 200, 200, 401, 403, 403, 403]

=== TEST 34: satisfy all, GeoIP dry-deny (403), token refused (403)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny country=JP; geoip_dry_run on; geoip_status 403;
token_auth video; token_auth_status default=403;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[403, 403, 403, 403, 403, 403, 403, 403, 403]

=== TEST 35: satisfy all, GeoIP dry-deny (410), token refused (410)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny country=JP; geoip_dry_run on; geoip_status 410;
token_auth video; token_auth_status default=410;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[410, 410, 410, 410, 410, 410, 410, 410, 410]

=== TEST 36: satisfy all, GeoIP dry-deny (451), token refused (451)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny country=JP; geoip_dry_run on; geoip_status 451;
token_auth video; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[451, 451, 451, 451, 451, 451, 451, 451, 451]

=== TEST 37: satisfy all, GeoIP refused (403), token off (403)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny country=JP; geoip_status 403;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[403, 403, 403, 403, 403, 403, 403, 403, 403]

=== TEST 38: satisfy all, GeoIP refused (410), token off (410)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny country=JP; geoip_status 410;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[410, 410, 410, 410, 410, 410, 410, 410, 410]

=== TEST 39: satisfy all, GeoIP refused (451), token off (451)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny country=JP; geoip_status 451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[451, 451, 451, 451, 451, 451, 451, 451, 451]

=== TEST 40: satisfy all, GeoIP refused (403), token ok (403)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny country=JP; geoip_status 403;
token_auth video;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-SS-Token: 1fad2110e4eb66a065f4aa31ff525e85\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 2bb4219a787feb446be3ec96069e9f2b\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: 806a6965463af1a047d33641f0307a43\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800", "X-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800"]
--- error_code eval
[403, 403, 403, 403, 403, 403, 403, 403, 403]

=== TEST 41: satisfy all, GeoIP refused (410), token ok (410)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny country=JP; geoip_status 410;
token_auth video;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-SS-Token: 1fad2110e4eb66a065f4aa31ff525e85\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 2bb4219a787feb446be3ec96069e9f2b\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: 806a6965463af1a047d33641f0307a43\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800", "X-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800"]
--- error_code eval
[410, 410, 410, 410, 410, 410, 410, 410, 410]

=== TEST 42: satisfy all, GeoIP refused (451), token ok (451)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny country=JP; geoip_status 451;
token_auth video;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-SS-Token: 1fad2110e4eb66a065f4aa31ff525e85\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 2bb4219a787feb446be3ec96069e9f2b\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: 806a6965463af1a047d33641f0307a43\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800", "X-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800"]
--- error_code eval
[451, 451, 451, 451, 451, 451, 451, 451, 451]

=== TEST 43: satisfy all, GeoIP refused (403), token dry-run (403)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny country=JP; geoip_status 403;
token_auth video; token_auth_dry_run on; token_auth_status default=403;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[403, 403, 403, 403, 403, 403, 403, 403, 403]

=== TEST 44: satisfy all, GeoIP refused (410), token dry-run (410)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny country=JP; geoip_status 410;
token_auth video; token_auth_dry_run on; token_auth_status default=410;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[410, 410, 410, 410, 410, 410, 410, 410, 410]

=== TEST 45: satisfy all, GeoIP refused (451), token dry-run (451)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny country=JP; geoip_status 451;
token_auth video; token_auth_dry_run on; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[451, 451, 451, 451, 451, 451, 451, 451, 451]

=== TEST 46: satisfy all, GeoIP refused (403), token refused (403)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny country=JP; geoip_status 403;
token_auth video; token_auth_status default=403;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[403, 403, 403, 403, 403, 403, 403, 403, 403]

=== TEST 47: satisfy all, GeoIP refused (410), token refused (410)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny country=JP; geoip_status 410;
token_auth video; token_auth_status default=410;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[410, 410, 410, 410, 410, 410, 410, 410, 410]

=== TEST 48: satisfy all, GeoIP refused (451), token refused (451)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny country=JP; geoip_status 451;
token_auth video; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[451, 451, 451, 451, 451, 451, 451, 451, 451]

=== TEST 49: satisfy all, GeoIP refused (410), token refused (451)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny country=JP; geoip_status 410;
token_auth video; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[410, 410, 410, 410, 410, 410, 410, 410, 410]

=== TEST 50: satisfy all, GeoIP refused (451), token refused (410)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny country=JP; geoip_status 451;
token_auth video; token_auth_status default=410;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[451, 451, 451, 451, 451, 451, 451, 451, 451]

=== TEST 51: satisfy all, GeoIP refused (403), token refused (451)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny country=JP; geoip_status 403;
token_auth video; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[403, 403, 403, 403, 403, 403, 403, 403, 403]

=== TEST 52: satisfy all, GeoIP refused (451), token refused (403)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny country=JP; geoip_status 451;
token_auth video; token_auth_status default=403;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[451, 451, 451, 451, 451, 451, 451, 451, 451]

=== TEST 53: satisfy all, GeoIP refused (401), token refused (410)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny country=JP; geoip_status 401;
token_auth video; token_auth_status default=410;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[401, 401, 401, 401, 401, 401, 401, 401, 401]

=== TEST 54: satisfy all, GeoIP refused (410), token refused (401)
--- http_config eval: $::Http
--- config
satisfy all;
geoip_deny country=JP; geoip_status 410;
token_auth video; token_auth_status default=401;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[410, 410, 410, 410, 410, 410, 410, 410, 410]

=== TEST 55: satisfy any, GeoIP off (451), token off (451)
--- http_config eval: $::Http
--- config
satisfy any;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[200, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 56: satisfy any, GeoIP off (451), token ok (451)
--- http_config eval: $::Http
--- config
satisfy any;
token_auth video;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-SS-Token: 1fad2110e4eb66a065f4aa31ff525e85\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 2bb4219a787feb446be3ec96069e9f2b\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: 806a6965463af1a047d33641f0307a43\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800", "X-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800"]
--- error_code eval
[200, 200, 200, 200, 200, 200, 200, 200, 200]

=== TEST 57: satisfy any, GeoIP off (451), token dry-run (451)
--- http_config eval: $::Http
--- config
satisfy any;
token_auth video; token_auth_dry_run on; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[200, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 58: satisfy any, GeoIP off (403), token refused (403)
--- http_config eval: $::Http
--- config
satisfy any;
token_auth video; token_auth_status default=403;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[403, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 59: satisfy any, GeoIP off (410), token refused (410)
--- http_config eval: $::Http
--- config
satisfy any;
token_auth video; token_auth_status default=410;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[410, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 60: satisfy any, GeoIP off (451), token refused (451)
--- http_config eval: $::Http
--- config
satisfy any;
token_auth video; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[451, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 61: satisfy any, GeoIP ok (451), token off (451)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_allow country=JP;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[200, 200, 200, 200, 200, 200, 200, 200, 200]

=== TEST 62: satisfy any, GeoIP ok (451), token ok (451)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_allow country=JP;
token_auth video;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-SS-Token: 1fad2110e4eb66a065f4aa31ff525e85\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 2bb4219a787feb446be3ec96069e9f2b\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: 806a6965463af1a047d33641f0307a43\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800", "X-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800"]
--- error_code eval
[200, 200, 200, 200, 200, 200, 200, 200, 200]

=== TEST 63: satisfy any, GeoIP ok (451), token dry-run (451)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_allow country=JP;
token_auth video; token_auth_dry_run on; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[200, 200, 200, 200, 200, 200, 200, 200, 200]

=== TEST 64: satisfy any, GeoIP ok (403), token refused (403)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_allow country=JP;
token_auth video; token_auth_status default=403;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[200, 200, 200, 200, 200, 200, 200, 200, 200]

=== TEST 65: satisfy any, GeoIP ok (410), token refused (410)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_allow country=JP;
token_auth video; token_auth_status default=410;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[200, 200, 200, 200, 200, 200, 200, 200, 200]

=== TEST 66: satisfy any, GeoIP ok (451), token refused (451)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_allow country=JP;
token_auth video; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[200, 200, 200, 200, 200, 200, 200, 200, 200]

=== TEST 67: satisfy any, GeoIP unmatched (451), token off (451)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_allow country=FR; geoip_deny country=RU;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[200, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 68: satisfy any, GeoIP unmatched (451), token ok (451)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_allow country=FR; geoip_deny country=RU;
token_auth video;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-SS-Token: 1fad2110e4eb66a065f4aa31ff525e85\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 2bb4219a787feb446be3ec96069e9f2b\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: 806a6965463af1a047d33641f0307a43\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800", "X-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800"]
--- error_code eval
[200, 200, 200, 200, 200, 200, 200, 200, 200]

=== TEST 69: satisfy any, GeoIP unmatched (451), token dry-run (451)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_allow country=FR; geoip_deny country=RU;
token_auth video; token_auth_dry_run on; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[200, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 70: satisfy any, GeoIP unmatched (403), token refused (403)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_allow country=FR; geoip_deny country=RU;
token_auth video; token_auth_status default=403;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[403, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 71: satisfy any, GeoIP unmatched (410), token refused (410)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_allow country=FR; geoip_deny country=RU;
token_auth video; token_auth_status default=410;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[410, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 72: satisfy any, GeoIP unmatched (451), token refused (451)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_allow country=FR; geoip_deny country=RU;
token_auth video; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[451, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 73: satisfy any, GeoIP bypassed (451), token off (451)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny all; geoip_bypass 1;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[200, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 74: satisfy any, GeoIP bypassed (451), token ok (451)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny all; geoip_bypass 1;
token_auth video;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-SS-Token: 1fad2110e4eb66a065f4aa31ff525e85\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 2bb4219a787feb446be3ec96069e9f2b\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: 806a6965463af1a047d33641f0307a43\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800", "X-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800"]
--- error_code eval
[200, 200, 200, 200, 200, 200, 200, 200, 200]

=== TEST 75: satisfy any, GeoIP bypassed (451), token dry-run (451)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny all; geoip_bypass 1;
token_auth video; token_auth_dry_run on; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[200, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 76: satisfy any, GeoIP bypassed (403), token refused (403)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny all; geoip_bypass 1;
token_auth video; token_auth_status default=403;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[403, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 77: satisfy any, GeoIP bypassed (410), token refused (410)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny all; geoip_bypass 1;
token_auth video; token_auth_status default=410;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[410, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 78: satisfy any, GeoIP bypassed (451), token refused (451)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny all; geoip_bypass 1;
token_auth video; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[451, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 79: satisfy any, GeoIP dry-allow (451), token off (451)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_allow country=JP; geoip_dry_run on;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[200, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 80: satisfy any, GeoIP dry-allow (451), token ok (451)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_allow country=JP; geoip_dry_run on;
token_auth video;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-SS-Token: 1fad2110e4eb66a065f4aa31ff525e85\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 2bb4219a787feb446be3ec96069e9f2b\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: 806a6965463af1a047d33641f0307a43\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800", "X-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800"]
--- error_code eval
[200, 200, 200, 200, 200, 200, 200, 200, 200]

=== TEST 81: satisfy any, GeoIP dry-allow (451), token dry-run (451)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_allow country=JP; geoip_dry_run on;
token_auth video; token_auth_dry_run on; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[200, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 82: satisfy any, GeoIP dry-allow (403), token refused (403)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_allow country=JP; geoip_dry_run on;
token_auth video; token_auth_status default=403;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[403, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 83: satisfy any, GeoIP dry-allow (410), token refused (410)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_allow country=JP; geoip_dry_run on;
token_auth video; token_auth_status default=410;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[410, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 84: satisfy any, GeoIP dry-allow (451), token refused (451)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_allow country=JP; geoip_dry_run on;
token_auth video; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[451, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 85: satisfy any, GeoIP dry-deny (451), token off (451)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=JP; geoip_dry_run on; geoip_status 451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[200, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 86: satisfy any, GeoIP dry-deny (451), token ok (451)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=JP; geoip_dry_run on; geoip_status 451;
token_auth video;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-SS-Token: 1fad2110e4eb66a065f4aa31ff525e85\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 2bb4219a787feb446be3ec96069e9f2b\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: 806a6965463af1a047d33641f0307a43\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800", "X-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800"]
--- error_code eval
[200, 200, 200, 200, 200, 200, 200, 200, 200]

=== TEST 87: satisfy any, GeoIP dry-deny (451), token dry-run (451)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=JP; geoip_dry_run on; geoip_status 451;
token_auth video; token_auth_dry_run on; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[200, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 88: satisfy any, GeoIP dry-deny (403), token refused (403)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=JP; geoip_dry_run on; geoip_status 403;
token_auth video; token_auth_status default=403;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[403, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 89: satisfy any, GeoIP dry-deny (410), token refused (410)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=JP; geoip_dry_run on; geoip_status 410;
token_auth video; token_auth_status default=410;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[410, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 90: satisfy any, GeoIP dry-deny (451), token refused (451)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=JP; geoip_dry_run on; geoip_status 451;
token_auth video; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[451, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 91: satisfy any, GeoIP refused (403), token off (403)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=JP; geoip_status 403;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[403, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 92: satisfy any, GeoIP refused (410), token off (410)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=JP; geoip_status 410;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[410, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 93: satisfy any, GeoIP refused (451), token off (451)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=JP; geoip_status 451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[451, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 94: satisfy any, GeoIP refused (403), token ok (403)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=JP; geoip_status 403;
token_auth video;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-SS-Token: 1fad2110e4eb66a065f4aa31ff525e85\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 2bb4219a787feb446be3ec96069e9f2b\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: 806a6965463af1a047d33641f0307a43\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800", "X-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800"]
--- error_code eval
[200, 200, 200, 200, 200, 200, 200, 200, 200]

=== TEST 95: satisfy any, GeoIP refused (410), token ok (410)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=JP; geoip_status 410;
token_auth video;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-SS-Token: 1fad2110e4eb66a065f4aa31ff525e85\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 2bb4219a787feb446be3ec96069e9f2b\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: 806a6965463af1a047d33641f0307a43\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800", "X-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800"]
--- error_code eval
[200, 200, 200, 200, 200, 200, 200, 200, 200]

=== TEST 96: satisfy any, GeoIP refused (451), token ok (451)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=JP; geoip_status 451;
token_auth video;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-SS-Token: 1fad2110e4eb66a065f4aa31ff525e85\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 873f751a684007a3930f75d52bfb4ec8\nX-SS-Expiration: 4102444800", "X-SS-Token: 2bb4219a787feb446be3ec96069e9f2b\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: f60c49ac9bc2ef41e713facb83d97e75\nX-SS-Expiration: 4102444800", "X-SS-Token: 806a6965463af1a047d33641f0307a43\nX-SS-Expiration: 4102444800", "Authorization: Basic dXNlcjpwYXNzd29yZA==\nX-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800", "X-SS-Token: 9c6382a0987186a065e69d7a4472e482\nX-SS-Expiration: 4102444800"]
--- error_code eval
[200, 200, 200, 200, 200, 200, 200, 200, 200]

=== TEST 97: satisfy any, GeoIP refused (403), token dry-run (403)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=JP; geoip_status 403;
token_auth video; token_auth_dry_run on; token_auth_status default=403;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[403, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 98: satisfy any, GeoIP refused (410), token dry-run (410)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=JP; geoip_status 410;
token_auth video; token_auth_dry_run on; token_auth_status default=410;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[410, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 99: satisfy any, GeoIP refused (451), token dry-run (451)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=JP; geoip_status 451;
token_auth video; token_auth_dry_run on; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[451, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 100: satisfy any, GeoIP refused (403), token refused (403)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=JP; geoip_status 403;
token_auth video; token_auth_status default=403;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[403, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 101: satisfy any, GeoIP refused (410), token refused (410)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=JP; geoip_status 410;
token_auth video; token_auth_status default=410;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[410, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 102: satisfy any, GeoIP refused (451), token refused (451)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=JP; geoip_status 451;
token_auth video; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[451, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 103: satisfy any, GeoIP refused (410), token refused (451)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=JP; geoip_status 410;
token_auth video; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[451, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 104: satisfy any, GeoIP refused (451), token refused (410)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=JP; geoip_status 451;
token_auth video; token_auth_status default=410;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[410, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 105: satisfy any, GeoIP refused (403), token refused (451)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=JP; geoip_status 403;
token_auth video; token_auth_status default=451;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[451, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 106: satisfy any, GeoIP refused (451), token refused (403)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=JP; geoip_status 451;
token_auth video; token_auth_status default=403;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[403, 200, 401, 200, 200, 200, 403, 200, 401]

=== TEST 107: satisfy any, GeoIP refused (401), token refused (410)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=JP; geoip_status 401;
token_auth video; token_auth_status default=410;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[401, 200, 401, 200, 200, 200, 401, 200, 401]

=== TEST 108: satisfy any, GeoIP refused (410), token refused (401)
--- http_config eval: $::Http
--- config
satisfy any;
geoip_deny country=JP; geoip_status 410;
token_auth video; token_auth_status default=401;
include locations.conf;
--- user_files eval: $::Files
--- request eval
["GET /none", "GET /none-basic", "GET /none-basic", "GET /ok", "GET /ok-basic", "GET /ok-basic", "GET /403", "GET /403-basic", "GET /403-basic"]
--- more_headers eval
["X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1", "X-None: 1", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "X-None: 1"]
--- error_code eval
[401, 200, 401, 200, 200, 200, 401, 200, 401]
