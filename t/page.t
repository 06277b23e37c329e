# The status page: what a browser gets from the locations of an API and of `gatehouse_status`.
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    upstream_table apps { zone 1m; file apps.json; passive fails=1 window=60s; }
    upstream backend { upstream_lookup apps $host; }
_EOC_

our $Config = <<'_EOC_';
    location /_apps/ { upstream_api apps; }
    location /_key/ { upstream_api apps write=on key_file=key; }
    location /_gatehouse/ { gatehouse_status; }
    location / { proxy_pass http://backend; proxy_set_header Host $host; }
_EOC_

our $Files = <<'_EOC_';
>>> ../conf/key
example
>>> ../conf/apps.json
{"Shop.test": {"id": "one", "backends": ["http://10.0.0.1:80"]}, "b.test": {"id": "Two", "backends": ["http://10.0.0.2:80", {"url": "http://10.0.1.1:80", "drain": true}]}, "*.c.test": {"backends": ["http://127.0.0.9:1", "http://127.0.0.9:2"]}, "w.test": {"backends": ["http://nobody.invalid:80"]}}
_EOC_

our $Browser = 'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

no_long_string();
run_tests();

__DATA__

=== TEST 1: a browser gets the page, with nothing in it that is not always the same; others get what they got before
--- http_config eval: $::Http
--- config eval: $::Config
--- user_files eval: $::Files
--- request eval
["GET /_apps/", "GET /_key/", "GET /_gatehouse/", "HEAD /_gatehouse/", "GET /_apps/", "GET /_key/", "GET /_gatehouse/", "GET /_apps/", "GET /_apps/b.test"]
--- more_headers eval
[$::Browser, $::Browser, $::Browser, "accept: TEXT/HTML;q=0.9", "Accept: */*", "X: y", "X: y", "Accept: text/html, application/json", $::Browser]
--- error_code eval
[200, 200, 200, 200, 200, 401, 404, 200, 200]
--- response_headers eval
["Content-Type: text/html; charset=utf-8\nVary: Accept\nX-Content-Type-Options: nosniff\nReferrer-Policy: no-referrer\nCache-Control: no-cache", "Content-Type: text/html; charset=utf-8\nVary: Accept\nX-Content-Type-Options: nosniff\nReferrer-Policy: no-referrer\nCache-Control: no-cache", "Content-Type: text/html; charset=utf-8\nVary: Accept\nX-Content-Type-Options: nosniff\nReferrer-Policy: no-referrer\nCache-Control: no-cache", "Content-Type: text/html; charset=utf-8\nVary: Accept\nX-Content-Type-Options: nosniff\nReferrer-Policy: no-referrer\nCache-Control: no-cache", "Content-Type: application/json", "Content-Type: application/json", "Content-Type: application/json", "Content-Type: application/json", "Content-Type: application/json"]
--- response_body_like eval
["^<!doctype html>\n(?!(?s:.*)apps.test)", "^<!doctype html>\n", "^<!doctype html>\n", "^\$", "^\\{\"version\":1", "unauthorized", "unknown_path", "^\\{\"version\":1", "^\\{\"id\":\"Two\""]

=== TEST 2: nothing runs in it but its own script and style
--- http_config eval: $::Http
--- config eval: $::Config
--- user_files eval: $::Files
--- request
GET /_gatehouse/
--- more_headers eval: $::Browser
--- raw_response_headers_like: Content-Security-Policy: default-src 'none'; script-src 'sha256-[A-Za-z0-9+/]{43}='; style-src 'sha256-[A-Za-z0-9+/]{43}='; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'\r\n(?s:.*)ETag: "sha256-[A-Za-z0-9+/]{43}="
--- response_body_unlike: innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(| style="| on[a-z]+="|https?://(?!www\.w3\.org/2000/svg)

=== TEST 3: what the page asks first
--- http_config eval: $::Http
--- config eval: $::Config
--- user_files eval: $::Files
--- request eval
["OPTIONS /_apps/", "OPTIONS /_key/", "OPTIONS /_gatehouse/", "OPTIONS /_key/"]
--- more_headers eval
["X: y", "Authorization: Bearer example", "X: y", "X: y"]
--- error_code eval
[204, 204, 204, 401]
--- response_headers eval
["Gatehouse-Table: apps\nAllow: GET, HEAD, OPTIONS", "Gatehouse-Table: apps\nAllow: GET, HEAD, OPTIONS, PATCH", "Gatehouse-Table:\nAllow: GET, HEAD, OPTIONS", "Gatehouse-Table:"]

=== TEST 4: routes with a text in their key, their id or a backend, whatever its case
--- http_config eval: $::Http
--- config eval: $::Config
--- user_files eval: $::Files
--- request eval
["GET /_apps/?search=SHOP", "GET /_apps/?search=two", "GET /_apps/?search=10.0.1.", "GET /_apps/?search=invalid", "GET /_apps/?search=.test&limit=2", "GET /_apps/?search=nothing", "GET /_apps/?search=", "GET /_apps/-/health?search=%2A.c"]
--- response_body_like eval
["^\\{\"version\":1,\"routes\":\\{\n\"shop.test\":[^\n]+\\}\\}\n\$", "\\{\n\"b.test\":[^\n]+\\}\\}\n\$", "\\{\n\"b.test\":[^\n]+\\}\\}\n\$", "\\{\n\"w.test\":[^\n]+\\}\\}\n\$",
 "\\{\n\"[^\n]+,\n\"[^\n]+\\},\"next\":\"", "\"routes\":\\{\\}\\}", "(\n\"[^\n]+){4}\\}\\}\n\$", "\\{\n\"\\*.c.test\":\\[[^\n]+\\}\\}\n\$"]

=== TEST 5: routes with a backend in a state
--- http_config eval: $::Http
--- config eval: $::Config
--- user_files eval: $::Files
--- request eval
["GET /_apps/?state=down", "GET /", "GET /_apps/?state=down", "GET /_apps/-/health?state=down&search=c", "GET /_apps/?state=draining", "GET /_apps/?state=waiting", "GET /_apps/?state=up&limit=1", "GET /_apps/?state=broken"]
--- more_headers
Host: a.c.test
--- error_code eval
[200, 502, 200, 200, 200, 200, 200, 400]
--- response_body_like eval
["\"routes\":\\{\\}\\}", "", "\\{\n\"\\*.c.test\":[^\n]+\\}\\}\n\$", "\\{\n\"\\*.c.test\":[^\n]+\"down\"", "\\{\n\"b.test\":[^\n]+\\}\\}\n\$", "\\{\n\"w.test\":[^\n]+\\}\\}\n\$", "\"next\":", "invalid argument ..state"]
