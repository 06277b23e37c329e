# upstream_variable: a string of the route, in any phase, proxied or not.
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    upstream_variable $token apps $host token default=none;
    upstream_variable $plan apps $host plan;
    upstream_table apps { zone 1m; file apps.json; }
_EOC_

our $Apps = <<'_EOC_';
>>> ../conf/apps.json
{"a.test":   {"backends": [], "vars": {"token": "gold", "plan": "big one"}},
 "*.b.test": {"backends": [], "vars": {"token": "wild"}},
 "c.test":   {"backends": [], "vars": {"token": "", "plan": "caf\u00e9"}}}
_EOC_

run_tests();

__DATA__

=== TEST 1: in return, without any upstream
--- http_config eval: $::Http
--- user_files eval: $::Apps
--- config
location / { return 200 "[$token][$plan]"; }
--- request eval
["GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
["Host: a.test", "Host: x.b.test", "Host: c.test", "Host: none.test"]
--- response_body eval
["[gold][big one]", "[wild][]", "[][caf\xc3\xa9]", "[none][]"]

=== TEST 2: in if, map, set and as a header
--- http_upstream: u
--- http_config eval
$::Http . '
map $token $class { gold first; wild second; default third; }'
--- user_files eval: $::Apps
--- config
location / {
    set $seen "$plan!";
    if ($token = none) { return 403; }
    proxy_set_header X-Class $class;
    proxy_set_header X-Seen $seen;
    proxy_set_header X-Plan $plan;
    proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_U;
}
--- request eval
["GET /", "GET /", "GET /"]
--- more_headers eval
["Host: a.test", "Host: x.b.test", "Host: none.test"]
--- error_code eval
[200, 200, 403]
--- response_body_like eval
[qr/X-Class: first\r\nX-Seen: big one!\r\nX-Plan: big one\r\n/, qr/X-Class: second\r\nX-Seen: !\r\n(?!X-Plan)/, qr/403/]

=== TEST 3: with a key of its own, beside upstream_lookup
--- http_upstream: a
--- http_config
upstream_table apps { zone 1m; file apps.json; }
upstream backend { upstream_lookup apps $host; }
upstream_variable $tenant apps $arg_t name default=-;
upstream_variable $own apps $host name;
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"], "vars": {"name": "A"}},
 "t1": {"backends": [], "vars": {"name": "T"}}}
--- config
location / { proxy_set_header X-T "$tenant$own"; proxy_pass http://backend; }
--- request eval
["GET /?t=t1", "GET /?t=t2", "GET /"]
--- more_headers
Host: a.test
--- response_body_like eval
[qr/X-T: TA\r\n/, qr/X-T: -A\r\n/, qr/X-T: -A\r\n/]

=== TEST 4: a value of control characters is not found
--- http_config eval: $::Http
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": [], "vars": {"token": "a\u0000b", "plan": "a\u007fb"}}}
--- config
location / { return 200 "[$token][$plan]"; }
--- request
GET /
--- more_headers
Host: a.test
--- response_body chomp
[][]

=== TEST 5: keys of a route cannot be read
--- http_config
upstream_table apps { zone 1m; file apps.json; }
upstream_variable $secret apps $host secret default=hidden;
upstream_variable $id apps $host id default=hidden;
--- user_files
>>> ../conf/apps.json
{"a.test": {"id": "shop", "backends": [], "keys": {"secret": "s3cr3t"}, "meta": {"secret": "m"}}}
--- config
location / { return 200 "$secret $id"; }
--- request
GET /
--- more_headers
Host: a.test
--- response_body chomp
hidden hidden

=== TEST 6: subrequests have their own
--- http_config
upstream_table apps { zone 1m; file apps.json; }
upstream_variable $name apps $arg_h name default=-;
--- user_files
>>> ../conf/apps.json
{"a": {"backends": [], "vars": {"name": "A"}}, "b": {"backends": [], "vars": {"name": "B"}}}
>>> page.html
<!--#include virtual="/part?h=a" --><!--#include virtual="/part?h=b" -->
--- config
location / { ssi on; add_header X-Name $name; }
location /part { default_type text/html; return 200 $name; }
--- request
GET /page.html?h=b
--- response_body
AB
--- response_headers
X-Name: B

=== TEST 7: a user's own variable of our name wins
--- http_config
map $host $upstream_lookup_id { default mine; }
--- config
location / { return 200 $upstream_lookup_id; }
--- request
GET /
--- response_body: mine

=== TEST 8: the default does not stand in for a value that may not be shown
--- http_config
upstream_variable $token apps $host token default=none;
upstream_table apps { zone 1m; file apps.json; }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": [], "vars": {"token": "gold\n"}},
 "b.test": {"backends": [], "vars": {"token": "\u0000"}},
 "c.test": {"backends": [], "vars": {}}}
--- config
location / { return 200 "[$token]"; }
--- request eval
["GET /", "GET /", "GET /"]
--- more_headers eval
["Host: a.test", "Host: b.test", "Host: c.test"]
--- response_body eval
["[]", "[]", "[none]"]

=== TEST 9: one key in two tables, one table by two keys
--- http_config eval
$::Http . '
upstream_variable $other_plan others $host plan;
upstream_variable $asked_plan apps $arg_host plan;
upstream_table others { zone 1m; file others.json; }'
--- user_files eval
$::Apps . '>>> ../conf/others.json
{"a.test": {"backends": [], "vars": {"plan": "small"}}}
'
--- config
location / { return 200 "$plan|$other_plan|$asked_plan|$token"; }
--- request eval
["GET /?host=a.test", "GET /?host=a.test", "GET /?host=none.test"]
--- more_headers eval
["Host: a.test", "Host: none.test", "Host: a.test"]
--- response_body eval
["big one|small|big one|gold", "||big one|none", "big one|small||gold"]
