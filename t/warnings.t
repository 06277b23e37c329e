# What nginx -t warns about, with file and line: configurations that work, but hardly as they are meant.
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== TEST 1: a country that is allowed while nobody is refused
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
--- config
include rules.conf;
--- user_files
>>> ../conf/rules.conf
location /a { geoip_allow country=FR; }
location /b { geoip_deny country=RU; geoip_allow country=FR,DE; geoip_allow eu=yes; }
location /c {
    geoip_allow country=ES;
    location /c/d { }
}
--- config_ok
--- error_log eval
[qr{\[warn\] .*"geoip_allow country=FR" refuses nobody without a "geoip_deny all" behind it in \S+/conf/rules\.conf:1$}, qr{\[warn\] .*"geoip_allow country=FR,DE" refuses nobody without .* in \S+/conf/rules\.conf:2$}, qr{\[warn\] .*"geoip_allow country=ES" refuses nobody .* in \S+/conf/rules\.conf:4$}]
--- no_error_log
eu=yes

=== TEST 2: at the level of http, inherited
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
geoip_allow country=FR;
--- config
location /a { }
--- config_ok
--- error_log eval
qr{\[warn\] .*"geoip_allow country=FR" refuses nobody .* in \S+/conf/nginx\.conf:[1-9]\d*$}

=== TEST 3: rules that allow and have their use: before a denial, alone with all, under satisfy any
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
geoip_allow country=JP;
geoip_deny all;
--- config
location /a { geoip_allow country=FR; geoip_deny continent=EU; }
location /b { geoip_allow all; }
location /c { satisfy any; geoip_allow country=FR; allow 127.0.0.1; deny all; }
location /d { satisfy any; geoip_allow country=FR; location /d/e { satisfy all; } }
location /f { geoip_deny country=XK,RU; geoip_allow all; }
location /g { geoip_deny address=192.0.2.0/24; }
--- config_ok
--- no_error_log
[warn]

=== TEST 4: a rule behind `all` is never reached
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
--- config
include rules.conf;
--- user_files
>>> ../conf/rules.conf
location /a { geoip_deny all; geoip_allow country=FR; }
location /b { geoip_allow country=FR; geoip_deny all;
    geoip_deny all; }
--- config_ok
--- error_log eval
[qr{\[warn\] .*"geoip_allow country=FR" is never reached behind "geoip_deny all" in \S+/conf/rules\.conf:1$}, qr{\[warn\] .*"geoip_deny all" is never reached behind "geoip_deny all" in \S+/conf/rules\.conf:3$}]
--- no_error_log
refuses nobody

=== TEST 5: a code that is no country, in a line and in a list
--- http_config
geoip_db $TEST_NGINX_DATA/geo.mmdb;
--- config
include rules.conf;
--- user_files
>>> ../conf/rules.conf
location /a { geoip_deny country=RU,UK; }
location /b { geoip_deny country=zz; }
location /c { geoip_deny country=EU; }
location /d { geoip_deny country=@list; }
>>> ../conf/list
FR
UK
--- config_ok
--- error_log eval
[qr{\[warn\] .*"UK" is no country of ISO 3166-1: the United Kingdom is "GB" in \S+/conf/rules\.conf:1$}, qr{\[warn\] .*"ZZ" is no country of ISO 3166-1 in \S+/conf/rules\.conf:2$}, qr{\[warn\] .*"EU" is no country of ISO 3166-1: .*"continent=EU" in \S+/conf/rules\.conf:3$}, qr{\[warn\] .*"UK" is no country .* in list:2 in \S+/conf/rules\.conf:4$}]

=== TEST 6: a key file that ends in CRLF, or in two newlines
--- http_config
include keys.conf;
--- config
--- user_files eval
">>> ../conf/keys.conf\ntoken_profile p {\nformat scalesimple;\nkey file=crlf.key;\nkey id=b file=two.key;\nkey id=c file=both.key;\n}\ndigest \$d sha256 \$uri key_file=crlf.key;\n>>> ../conf/crlf.key\nsecret\r\n>>> ../conf/two.key\nsecret\n\n>>> ../conf/both.key\nsecret\r\n\r\n"
--- config_ok
--- error_log eval
[qr{\[warn\] .*key file "\S+/conf/crlf\.key" ends in CRLF, both bytes are dropped in \S+/conf/keys\.conf:3$}, qr{\[warn\] .*key file "\S+/conf/two\.key" ends in more than one newline, only the last one is dropped in \S+/conf/keys\.conf:4$}, qr{\[warn\] .*key file "\S+/conf/both\.key" ends in more than one newline.* in \S+/conf/keys\.conf:5$}, qr{\[warn\] .*key file "\S+/conf/crlf\.key" ends in CRLF.* in \S+/conf/keys\.conf:7$}]

=== TEST 7: a key file that everybody may read
--- http_config
include keys.conf;
--- config
--- user_files
>>> ../conf/keys.conf
token_profile p { format scalesimple; key file=open.txt; }
digest $d sha256 $uri key_file=open.txt;
>>> ../conf/open.txt
secret
--- config_ok
--- error_log eval
[qr{\[warn\] .*key file "\S+/conf/open\.txt" is readable by every user of this machine in \S+/conf/keys\.conf:1$}, qr{\[warn\] .*key file "\S+/conf/open\.txt" is readable by every user of this machine in \S+/conf/keys\.conf:2$}]
--- no_error_log
secret

=== TEST 8: a message without expiry, without key, without variable
--- http_config
include profiles.conf;
--- config
--- user_files
>>> ../conf/profiles.conf
token_profile a { format secure_link; key file=key; message "$uri {key}"; }
token_profile b { format secure_link; key file=key; message "{expires}$uri"; }
token_profile c { format secure_link; key file=key; message "{expires} {key}"; }
token_profile d { format secure_link; key file=key; message "{expires}$uri {key}"; }
token_profile e { format secure_link; key file=key; message "$uri{expires} {key}"; }
>>> ../conf/key
secret
--- config_ok
--- error_log eval
[qr{\[warn\] .*"message" has no "\{expires\}": a link never expires in \S+/conf/profiles\.conf:1$}, qr{\[warn\] .*"message" has no "\{key\}": it is the text of an HMAC-MD5 in \S+/conf/profiles\.conf:2$}, qr{\[warn\] .*"message" has no variable: a token opens every URL in \S+/conf/profiles\.conf:3$}, qr{\[warn\] .*"message" joins a value of the token to one that the client chooses: .* in \S+/conf/profiles\.conf:5$}]
--- no_error_log
profiles.conf:4

=== TEST 9: a lookup whose key is a word, a table that stays empty
--- http_config
include apps.conf;
--- config
location / { proxy_pass http://a; }
--- user_files
>>> ../conf/apps.conf
upstream_table apps {
    zone 1m;
}
upstream a { upstream_lookup apps host; }
upstream b { upstream_lookup apps $host; }
--- config_ok
--- error_log eval
[qr{\[warn\] .*upstream_table "apps" has no "file", no "redis", no "upstream_api" with "write=on" and no "upstream_register", it stays empty in \S+/conf/apps\.conf:1$}, qr{\[warn\] .*the key "host" of "upstream_lookup" has no variable: every request gets the same route in \S+/conf/apps\.conf:4$}]
--- no_error_log
apps.conf:5

=== TEST 10: an empty key stays an error
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
--- user_files eval
">>> ../conf/key\n\n"
--- must_die
--- error_log eval
qr{\[emerg\] .*key file "\S+/conf/key" is empty in "key" directive in \S+/conf/nginx\.conf:[1-9]\d*}
