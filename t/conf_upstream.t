# What the upstream directives refuse while nginx reads its configuration, and what they accept.
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== TEST 1: an unknown table in upstream_lookup
--- http_config
upstream_table apps { zone 1m; }
upstream backend { upstream_lookup other $host; }
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown upstream_table "other" in "upstream_lookup" directive in \S+/conf/nginx\.conf:\d+}

=== TEST 2: an unknown table in upstream_variable, none defined
--- http_config
upstream_variable $v other $host name;
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown upstream_table "other" in "upstream_variable" directive in \S+/conf/nginx\.conf:\d+}

=== TEST 3: the line is where the table was named
--- http_config
include extra.conf;
--- user_files
>>> ../conf/extra.conf

upstream backend {

    upstream_lookup other $host;
}
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown upstream_table "other" in "upstream_lookup" directive in \S+/conf/extra\.conf:4}

=== TEST 4: two tables of one name
--- http_config
upstream_table apps { zone 1m; }
upstream_table apps { zone 1m; }
--- must_die
--- error_log eval
qr{\[emerg\] .*duplicate upstream_table "apps" in \S+/conf/nginx\.conf:\d+}

=== TEST 5: no zone
--- http_config
upstream_table apps { miss 404; }
--- must_die
--- error_log eval
qr{\[emerg\] .*upstream_table "apps" has no "zone" in \S+/conf/nginx\.conf:\d+}

=== TEST 6: a zone too small for anything
--- http_config
upstream_table apps { zone 8k; }
--- must_die
--- error_log eval
qr{\[emerg\] .*upstream_table "apps": "zone" is too small: it has 8192 bytes, a table needs 77824 \("zone 76k;"\) in \S+/conf/nginx\.conf:\d+}

=== TEST 7: a zone too small for a table
--- http_config
upstream_table apps { zone 32k; file apps.json; }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": []}}
--- must_die
--- error_log eval
qr{\[emerg\] .*upstream_table "apps": file "\S+/conf/apps\.json": "zone" is too small: it has 32768 bytes, 1 route needs 77824 \("zone 76k;"\) in \S+/conf/nginx\.conf:\d+}

=== TEST 8: a size that is none
--- http_config
upstream_table apps { zone many; }
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "many" in "zone" directive in \S+/conf/nginx\.conf:\d+}

=== TEST 9: an unknown word in the block
--- http_config
upstream_table apps { zone 1m; tables 4; }
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown directive "tables" in upstream_table.* in \S+/conf/nginx\.conf:\d+}

=== TEST 10: a word twice
--- http_config
upstream_table apps { zone 1m; miss 404; miss 503; }
--- must_die
--- error_log eval
qr{\[emerg\] .*"miss" directive is duplicate in \S+/conf/nginx\.conf:\d+}

=== TEST 11: the wrong number of words
--- http_config
upstream_table apps { zone 1m 2m; }
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid number of arguments in "zone" directive in \S+/conf/nginx\.conf:\d+}

=== TEST 12: match that is neither
--- http_config
upstream_table apps { zone 1m; match prefix; }
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "prefix" in "match" directive, it must be "host" or "exact" in \S+/conf/nginx\.conf:\d+}

=== TEST 13: a status out of range: too low
--- http_config
upstream_table apps { zone 1m; miss 200; }
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "200" in "miss" directive, it must be between 400 and 599, and neither 408 nor 499 in \S+/conf/nginx\.conf:\d+}

=== TEST 14: a status out of range: too high
--- http_config
upstream_table apps { zone 1m; miss 600; }
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "600" in "miss" directive, it must be between 400 and 599, and neither 408 nor 499 in \S+/conf/nginx\.conf:\d+}

=== TEST 15: a status that breaks the protocol
--- http_config
upstream_table apps { zone 1m; miss 408; }
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "408" in "miss" directive, it must be between 400 and 599, and neither 408 nor 499 in \S+/conf/nginx\.conf:\d+}

=== TEST 16: 499
--- http_config
upstream_table apps { zone 1m; miss 499; }
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "499" in "miss" directive, it must be between 400 and 599, and neither 408 nor 499 in \S+/conf/nginx\.conf:\d+}

=== TEST 17: fails that is no number
--- http_config
upstream_table apps { zone 1m; passive fails=some; }
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "fails=some" in "passive" directive in \S+/conf/nginx\.conf:\d+}

=== TEST 18: fails below zero
--- http_config
upstream_table apps { zone 1m; passive fails=-1; }
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "fails=-1" in "passive" directive in \S+/conf/nginx\.conf:\d+}

=== TEST 19: a window that is no time
--- http_config
upstream_table apps { zone 1m; passive window=soon; }
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "window=soon" in "passive" directive in \S+/conf/nginx\.conf:\d+}

=== TEST 20: a word passive does not know
--- http_config
upstream_table apps { zone 1m; passive max=1; }
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid parameter "max=1" in "passive" directive in \S+/conf/nginx\.conf:\d+}

=== TEST 21: passive without words
--- http_config
upstream_table apps { zone 1m; passive; }
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid number of arguments in "passive" directive in \S+/conf/nginx\.conf:\d+}

=== TEST 22: reload that is no time
--- http_config
upstream_table apps { zone 1m; file apps.json reload=often; }
--- user_files
>>> ../conf/apps.json
{}
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "reload=often" in "file" directive in \S+/conf/nginx\.conf:\d+}

=== TEST 23: a word file does not know
--- http_config
upstream_table apps { zone 1m; file apps.json every=1s; }
--- user_files
>>> ../conf/apps.json
{}
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid parameter "every=1s" in "file" directive in \S+/conf/nginx\.conf:\d+}

=== TEST 24: a file that is not there
--- http_config
upstream_table apps { zone 1m; file none.json; }
--- must_die
--- error_log eval
qr{\[emerg\] .*upstream_table "apps": file "\S+/conf/none\.json": cannot be read \(2: No such file or directory\) in \S+/conf/nginx\.conf:\d+}

=== TEST 25: a directory
--- http_config
upstream_table apps { zone 1m; file .; }
--- must_die
--- error_log eval
qr{\[emerg\] .*upstream_table "apps": file "\S+": cannot be read \(not a regular file\) in \S+/conf/nginx\.conf:\d+}

=== TEST 26: a device that never ends
--- http_config
upstream_table apps { zone 1m; file /dev/zero; }
--- must_die
--- error_log eval
qr{\[emerg\] .*file "/dev/zero": cannot be read \(not a regular file\) in \S+/conf/nginx\.conf:\d+}

=== TEST 27: no JSON, with line and column
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files
>>> ../conf/apps.json
{"a.test":
  {"backends": [}}
--- must_die
--- error_log eval
qr{\[emerg\] .*upstream_table "apps": file "\S+/conf/apps\.json": .*line 2,? column 1\d.* in \S+/conf/nginx\.conf:\d+}

=== TEST 28: an empty file
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files
>>> ../conf/apps.json
--- must_die
--- error_log eval
qr{\[emerg\] .*file "\S+/conf/apps\.json": file is empty in \S+/conf/nginx\.conf:\d+}

=== TEST 29: cut off in the middle
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:80"]},
 "b.test": {"back
--- must_die
--- error_log eval
qr{\[emerg\] .*file "\S+/conf/apps\.json": unexpected end of file at line \d+ column \d+ in \S+/conf/nginx\.conf:\d+}

=== TEST 30: something after the end
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files
>>> ../conf/apps.json
{} {}
--- must_die
--- error_log eval
qr{\[emerg\] .*file "\S+/conf/apps\.json": trailing characters.* in \S+/conf/nginx\.conf:\d+}

=== TEST 31: an array instead of an object
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files
>>> ../conf/apps.json
[]
--- must_die
--- error_log eval
qr{\[emerg\] .*file "\S+/conf/apps\.json": expected `\{`.* in \S+/conf/nginx\.conf:\d+}

=== TEST 32: another version
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files
>>> ../conf/apps.json
{"version": 2, "routes": {}}
--- must_die
--- error_log eval
qr{\[emerg\] .*version is not 1.*/version.* in \S+/conf/nginx\.conf:\d+}

=== TEST 33: an unknown member, by its JSON pointer
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files
>>> ../conf/apps.json
{"version": 1, "routes": {"a.test": {"backends": [{"url": "http://127.0.0.1", "wait": 1}]}}}
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown member "wait".*/routes/a\.test/backends/0/wait.* in \S+/conf/nginx\.conf:\d+}

=== TEST 34: an unknown member of a route in a bare file
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backend": []}}
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown member "backend".*/a\.test/backend.* in \S+/conf/nginx\.conf:\d+}

=== TEST 35: one key twice
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": []}, "b.test": {"backends": []}, "a.test": {"backends": []}}
--- must_die
--- error_log eval
qr{\[emerg\] .*duplicate key "a\.test".* in \S+/conf/nginx\.conf:\d+}

=== TEST 36: one key twice in other words
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": []}, "A.test:80": {"backends": []}}
--- must_die
--- error_log eval
qr{\[emerg\] .*duplicate key "A\.test:80", it is "a\.test" at /A\.test:80 in \S+/conf/nginx\.conf:\d+}

=== TEST 37: a key that is no host
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files
>>> ../conf/apps.json
{"a.*.test": {"backends": []}}
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid host name "a\.\*\.test".* in \S+/conf/nginx\.conf:\d+}

=== TEST 38: a member twice in one route
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": [], "id": "x", "id": "y"}}
--- must_die
--- error_log eval
qr{\[emerg\] .*duplicate member "id".*/a\.test/id.* in \S+/conf/nginx\.conf:\d+}

=== TEST 39: a URL with a path
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1/app"]}}
--- must_die
--- error_log eval
qr{\[emerg\] .*path not allowed in backend "http://127\.0\.0\.1/app".*/a\.test/backends/0.* in \S+/conf/nginx\.conf:\d+}

=== TEST 40: a URL of another scheme
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["ftp://127.0.0.1"]}}
--- must_die
--- error_log eval
qr{\[emerg\] .*scheme is neither http:// nor https://.*/a\.test/backends/0.* in \S+/conf/nginx\.conf:\d+}

=== TEST 41: a port that is none
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:65536"]}}
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid port.*/a\.test/backends/0.* in \S+/conf/nginx\.conf:\d+}

=== TEST 42: a weight of nothing
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": [{"url": "http://127.0.0.1", "weight": 0}]}}
--- must_die
--- error_log eval
qr{\[emerg\] .*weight is not 1 to 65535.*/a\.test/backends/0/weight.* in \S+/conf/nginx\.conf:\d+}

=== TEST 43: a host nobody knows is a warning: it takes out its own backend only
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://nobody.invalid"]}}
--- config_ok
--- error_log eval
qr{\[warn\] .*upstream table "apps": file "\S+/conf/apps\.json": host not found "nobody\.invalid" \(.*\) at /a\.test/backends/0, this backend is left out}
--- no_error_log
[error]
[emerg]

=== TEST 44: another balancing method before the lookup
--- http_config
upstream_table apps { zone 1m; }
upstream backend { least_conn; upstream_lookup apps $host; }
--- must_die
--- error_log eval
qr{\[emerg\] .*"upstream_lookup" directive must come before "keepalive" and cannot be used with another load balancing method in \S+/conf/nginx\.conf:\d+}

=== TEST 45: another balancing method after it
--- http_config
upstream_table apps { zone 1m; }
upstream backend { upstream_lookup apps $host; server 127.0.0.1; least_conn; }
--- must_die
--- error_log eval
qr{\[emerg\] .*"upstream_lookup" cannot be used with another load balancing method in \S+/conf/nginx\.conf:\d+}

=== TEST 46: hash after it
--- http_config
upstream_table apps { zone 1m; }
upstream backend { upstream_lookup apps $host; server 127.0.0.1; hash $uri consistent; }
--- must_die
--- error_log eval
qr{\[emerg\] .*"upstream_lookup" cannot be used with another load balancing method in \S+/conf/nginx\.conf:\d+}

=== TEST 47: ip_hash and random after it
--- http_config
upstream_table apps { zone 1m; }
upstream backend { upstream_lookup apps $host; server 127.0.0.1; ip_hash; }
upstream other { upstream_lookup apps $host; server 127.0.0.1; random two; }
--- must_die
--- error_log eval
qr{\[emerg\] .*"upstream_lookup" cannot be used with another load balancing method in \S+/conf/nginx\.conf:\d+}

=== TEST 48: keepalive before it
--- skip_nginx: 3: >= 1.29.7
--- http_config
upstream_table apps { zone 1m; }
upstream backend { keepalive 4; upstream_lookup apps $host; }
--- must_die
--- error_log eval
qr{\[emerg\] .*"upstream_lookup" directive must come before "keepalive" .* in \S+/conf/nginx\.conf:\d+}

=== TEST 49: the lookup twice
--- http_config
upstream_table apps { zone 1m; }
upstream backend { upstream_lookup apps $host; upstream_lookup apps $uri; }
--- must_die
--- error_log eval
qr{\[emerg\] .*"upstream_lookup" directive is duplicate in \S+/conf/nginx\.conf:\d+}

=== TEST 50: a balancing method that is none
--- http_config
upstream_table apps { zone 1m; }
upstream backend { upstream_lookup apps $host balance=fastest; }
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown balancing method "fastest" in "upstream_lookup" directive, it must be "round_robin" in \S+/conf/nginx\.conf:\d+}

=== TEST 51: a word the lookup does not know
--- http_config
upstream_table apps { zone 1m; }
upstream backend { upstream_lookup apps $host order=random; }
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid parameter "order=random" in "upstream_lookup" directive in \S+/conf/nginx\.conf:\d+}

=== TEST 52: a variable nobody knows in the key
--- http_config
upstream_table apps { zone 1m; }
upstream backend { upstream_lookup apps $nothing_known; }
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown "nothing_known" variable}

=== TEST 53: the lookup outside an upstream
--- http_config
upstream_table apps { zone 1m; }
--- config
upstream_lookup apps $host;
--- must_die
--- error_log eval
qr{\[emerg\] .*"upstream_lookup" directive is not allowed here in \S+/conf/nginx\.conf:\d+}

=== TEST 54: a table in a server
--- config
upstream_table apps { zone 1m; }
--- must_die
--- error_log eval
qr{\[emerg\] .*"upstream_table" directive is not allowed here in \S+/conf/nginx\.conf:\d+}

=== TEST 55: a variable without its dollar
--- http_config
upstream_table apps { zone 1m; }
upstream_variable v apps $host name;
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid variable name "v" in \S+/conf/nginx\.conf:\d+}

=== TEST 56: a word upstream_variable does not know
--- http_config
upstream_table apps { zone 1m; }
upstream_variable $v apps $host name fallback=x;
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid parameter "fallback=x" in "upstream_variable" directive in \S+/conf/nginx\.conf:\d+}

=== TEST 57: a block in the block
--- http_config
upstream_table apps { zone 1m; check { } }
--- must_die
--- error_log eval
qr{\[emerg\] .* in \S+/conf/nginx\.conf:\d+}

=== TEST 58: a block without its end
--- http_config
upstream_table apps { zone 1m;
--- must_die
--- error_log eval
qr{\[emerg\] .*unexpected "\{" in \S+/conf/nginx\.conf:\d+}

=== TEST 59: include works in the block, its errors name the included file
--- http_config
upstream_table apps { include table.conf; }
--- user_files
>>> ../conf/table.conf
zone 1m;

miss 99;
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "99" in "miss" directive, it must be between 400 and 599, and neither 408 nor 499 in \S+/conf/table\.conf:3}
--- no_error_log eval
qr{\[emerg\] (\d+#\d+: )? in }

=== TEST 60: include, and a table after its use
--- http_upstream: a
--- http_config
upstream backend { upstream_lookup apps $host; }
upstream_table apps { zone 1m; include table.conf; }
--- user_files
>>> ../conf/table.conf
file apps.json reload=0;
passive fails=3 window=5s;
match host;
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
--- config
location / { proxy_pass http://backend; }
--- request
GET /
--- more_headers
Host: a.test
--- response_body_like: ^name=a\n

=== TEST 61: everything at once
--- http_config
upstream_variable $a apps $host a default=;
upstream_variable $b apps $host b;
upstream_table apps { zone 256k; match exact; miss 444; passive fails=0 window=1m; }
upstream_table more { zone 2m; }
upstream one { zone one 64k; server 127.0.0.1:1 backup; upstream_lookup apps "$host$uri" balance=round_robin; keepalive 2; }
upstream two { upstream_lookup more $host; }
--- config_ok

=== TEST 62: a mistake after the balancer leaves no trace
--- http_config
upstream_table apps { zone 1m; }
upstream backend { upstream_lookup apps $host; nonsense; }
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown directive "nonsense" in \S+/conf/nginx\.conf:\d+}

=== TEST 63: two broken routes: the first is named, the table is not half filled
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:80"]},
 "b.test": {"backends": ["http://"]},
 "c.test": {"backends": [7]}}
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid host in backend "http://".*/b\.test/backends/0.* in \S+/conf/nginx\.conf:\d+}

=== TEST 64: sni of an address
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": [{"url": "https://127.0.0.1", "sni": "127.0.0.1"}]}}
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid sni "127\.0\.0\.1".*/a\.test/backends/0/sni.* in \S+/conf/nginx\.conf:\d+}

=== TEST 65: what a file says cannot write lines or colours of its own into the log
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": [], "vars": {"a\u001b[2J\u007fb\nnginx: x": 5}}}
--- must_die
--- error_log eval
qr{\[emerg\] .*not a string at /a\.test/vars/a\\x1B\[2J\\x7Fb\\x0Anginx: x in \S+/conf/nginx\.conf:\d+$}

=== TEST 66: many dead names are a few warnings
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files eval
">>> ../conf/apps.json\n{\"a.test\": {\"backends\": [" . join(", ", "\"http://h1.invalid\"", "\"http://h2.invalid\"", "\"http://h3.invalid\"", "\"http://h4.invalid\"",
"\"http://h5.invalid\"", "\"http://h6.invalid\"", "\"http://h7.invalid\"", "\"http://h8.invalid\"", "\"http://h9.invalid\"", "\"http://h1.invalid\"",
"\"http://ha.invalid\"", "\"http://hb.invalid\"", "\"http://hc.invalid\"") . "]}}"
--- config_ok
--- error_log eval
[qr{\[warn\] .*host not found "h1\.invalid" .* at /a\.test/backends/0, this backend and 1 more are left out}, qr{\[warn\] .*and 2 more host names}]
--- no_error_log
hc.invalid

=== TEST 67: unknown members are told which ones there are: of a backend
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": [{"url": "http://127.0.0.1", "wieght": 1}]}}
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown member "wieght", it must be "url", "weight", "backup", "drain" or "sni" at /a\.test/backends/0/wieght in \S+/conf/nginx\.conf:\d+}

=== TEST 68: of a route
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backend": []}}
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown member "backend", it must be "id", "backends", "vars", "keys" or "meta" at /a\.test/backend in \S+/conf/nginx\.conf:\d+}

=== TEST 69: of a file with a version
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files
>>> ../conf/apps.json
{"version": 1, "route": {}}
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown member "route", it must be "version" or "routes" at /route in \S+/conf/nginx\.conf:\d+}

=== TEST 70: options of a short form
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1#wieght=2"]}}
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown option "wieght", it must be "weight", "backup", "drain" or "sni" in backend .* at /a\.test/backends/0 in \S+/conf/nginx\.conf:\d+}

=== TEST 71: a trailing comma
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": []},
}
--- must_die
--- error_log eval
qr{\[emerg\] .*file "\S+/conf/apps\.json": trailing comma at line 2 column 1 in \S+/conf/nginx\.conf:\d+}

=== TEST 72: a byte order mark
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files eval
">>> ../conf/apps.json\n\xef\xbb\xbf{}"
--- must_die
--- error_log eval
qr{\[emerg\] .*file "\S+/conf/apps\.json": byte order mark, the file must begin with `\{` at line 1 column 1 in \S+/conf/nginx\.conf:\d+}

=== TEST 73: a unix path that leaves no room for the tag of a TLS name
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files eval
">>> ../conf/apps.json\n" . '{"a.test": {"backends": ["https://unix:/' . "p" x 99 . '"]}}'
--- must_die
--- error_log eval
qr{\[emerg\] .*unix socket path longer than 99 bytes in backend "https://unix:/p+" at /a\.test/backends/0 in \S+/conf/nginx\.conf:\d+}

=== TEST 74: the longest unix paths
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files eval
">>> ../conf/apps.json\n" . '{"a.test": {"backends": ["https://unix:/' . "p" x 98 . '", "http://unix:/' . "p" x 106 . '"]}}'
--- config_ok

=== TEST 75: a parameter of passive twice
--- http_config
upstream_table apps { zone 1m; passive fails=1 fails=2; }
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*duplicate parameter "fails" in "passive" directive in \S+/conf/nginx\.conf:\d+}

=== TEST 76: the zone that was named for a table
--- http_config
upstream_table apps { zone 76k; file apps.json; }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": []}}
--- config_ok

=== TEST 77: routes too many for a zone too small for anything
--- http_config
upstream_table apps { zone 10k; file apps.json; }
--- user_files eval
">>> ../conf/apps.json\n" . '{"h0.test": {"backends": [], "vars": {"v": "' . "v" x 80 . '"}}, "h1.test": {"backends": [], "vars": {"v": "' . "v" x 160 . '"}}, "h2.test": {"backends": [], "vars": {"v": "' . "v" x 240 . '"}}, "h3.test": {"backends": [], "vars": {"v": "' . "v" x 320 . '"}}, "h4.test": {"backends": [], "vars": {"v": "' . "v" x 400 . '"}}, "h5.test": {"backends": [], "vars": {"v": "' . "v" x 480 . '"}}, "h6.test": {"backends": [], "vars": {"v": "' . "v" x 560 . '"}}, "h7.test": {"backends": [], "vars": {"v": "' . "v" x 640 . '"}}, "h8.test": {"backends": [], "vars": {"v": "' . "v" x 720 . '"}}, "h9.test": {"backends": [], "vars": {"v": "' . "v" x 800 . '"}}, "h10.test": {"backends": [], "vars": {"v": "' . "v" x 880 . '"}}, "h11.test": {"backends": [], "vars": {"v": "' . "v" x 960 . '"}}}'
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*upstream_table "apps": file "\S+/conf/apps\.json": "zone" is too small: it has 10240 bytes, 12 routes need 143360 \("zone 140k;"\) in \S+/conf/nginx\.conf:\d+}

=== TEST 78: the zone that was named for them
--- http_config
upstream_table apps { zone 140k; file apps.json; }
--- user_files eval
">>> ../conf/apps.json\n" . '{"h0.test": {"backends": [], "vars": {"v": "' . "v" x 80 . '"}}, "h1.test": {"backends": [], "vars": {"v": "' . "v" x 160 . '"}}, "h2.test": {"backends": [], "vars": {"v": "' . "v" x 240 . '"}}, "h3.test": {"backends": [], "vars": {"v": "' . "v" x 320 . '"}}, "h4.test": {"backends": [], "vars": {"v": "' . "v" x 400 . '"}}, "h5.test": {"backends": [], "vars": {"v": "' . "v" x 480 . '"}}, "h6.test": {"backends": [], "vars": {"v": "' . "v" x 560 . '"}}, "h7.test": {"backends": [], "vars": {"v": "' . "v" x 640 . '"}}, "h8.test": {"backends": [], "vars": {"v": "' . "v" x 720 . '"}}, "h9.test": {"backends": [], "vars": {"v": "' . "v" x 800 . '"}}, "h10.test": {"backends": [], "vars": {"v": "' . "v" x 880 . '"}}, "h11.test": {"backends": [], "vars": {"v": "' . "v" x 960 . '"}}}'
--- config_ok

=== TEST 79: a file without a name
--- http_config
upstream_table apps { zone 1m; file ""; }
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "" in "file" directive in \S+/conf/nginx\.conf:[1-9]\d*}
