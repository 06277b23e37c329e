# What the upstream directives refuse while nginx reads its configuration, and what they accept.
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== TEST 1: the words of a table
--- http_config
upstream_table apps { CASE }
--- user_files
>>> ../conf/table.conf
zone 1m;

miss 99;
--- conf_cases
# no zone
miss 404;
=> upstream_table "apps" has no "zone"
# a zone too small for anything
zone 8k;
=> [warn] upstream_table "apps" has no "file", no "redis", no "upstream_api" with "write=on" and no "upstream_register", it stays empty
=> upstream_table "apps": "zone" is too small: it has 8192 bytes, a table needs 81920 ("zone 80k;")
# a size that is none
zone many;
=> invalid value "many" in "zone" directive
# the wrong number of words
zone 1m 2m;
=> invalid number of arguments in "zone" directive
# include works in the block, its errors name the included file
include table.conf;
=> invalid value "99" in "miss" directive, it must be between 400 and 599, and neither 408 nor 499 @ table.conf:3

=== TEST 2: more words of a table
--- http_config
upstream_table apps { zone 1m; CASE }
--- user_files
>>> ../conf/apps.json
{}
>>> ../conf/empty.json
--- conf_cases
# an unknown word in the block
tables 4;
=> unknown directive "tables" in upstream_table, it must be "zone", "match", "file", "shrink=", "plain=", "drain_timeout", "redis", "state", "miss", "passive" or "check"
# a word twice
miss 404; miss 503;
=> "miss" directive is duplicate
# match that is neither
match prefix;
=> invalid value "prefix" in "match" directive, it must be "host" or "exact"
# a status out of range: too low
miss 200;
=> invalid value "200" in "miss" directive, it must be between 400 and 599, and neither 408 nor 499
# a status out of range: too high
miss 600;
=> invalid value "600" in "miss" directive, it must be between 400 and 599, and neither 408 nor 499
# a status that breaks the protocol
miss 408;
=> invalid value "408" in "miss" directive, it must be between 400 and 599, and neither 408 nor 499
# 499
miss 499;
=> invalid value "499" in "miss" directive, it must be between 400 and 599, and neither 408 nor 499
# drain_timeout that is no time
drain_timeout soon;
=> invalid value "soon" in "drain_timeout" directive
# drain_timeout twice
drain_timeout 1s; drain_timeout 2s;
=> "drain_timeout" directive is duplicate
# plain that is not allow
plain=on;
=> invalid value "on" in "plain" directive, it must be "allow"
# plain twice
plain=allow; plain=allow;
=> "plain=allow" directive is duplicate
# shrink that is neither
shrink=some;
=> invalid value "some" in "shrink" directive, it must be "any"
# shrink and too many words
shrink=any all;
=> invalid number of arguments in "shrink=any" directive
# shrink twice
shrink=any; shrink=any;
=> "shrink=any" directive is duplicate
# shrink without its value
shrink any;
=> unknown directive "shrink" in upstream_table, it must be "zone", "match", "file", "shrink=", "plain=", "drain_timeout", "redis", "state", "miss", "passive" or "check"
# a state without a path
state "";
=> invalid value "" in "state" directive
# a state and too many words
state a b;
=> invalid number of arguments in "state" directive
# two states
state a; state b;
=> "state" directive is duplicate
# fails that is no number
passive fails=some;
=> invalid value "fails=some" in "passive" directive, it must be a number
# fails below zero
passive fails=-1;
=> invalid value "fails=-1" in "passive" directive, it must be a number
# a window that is no time
passive window=soon;
=> invalid value "window=soon" in "passive" directive, it must be a time such as "10s"
# a status that is none
passive status=5xx,600;
=> invalid value "status=5xx,600" in "passive" directive, it must be statuses such as "500,502-504" or "5xx"
# no share of a hundred
passive ratio=0%;
=> invalid value "ratio=0%" in "passive" directive, it must be between 1% and 100%
# more than all
passive ratio=101%;
=> invalid value "ratio=101%" in "passive" directive, it must be between 1% and 100%
# a share of nothing
passive ratio=50% window=0;
=> "ratio=" needs a "window=" in "passive" directive
# a share of more answers than come
passive ratio=50% fails=10001;
=> with "ratio=", "fails=" must be at most 10000 in "passive" directive
# a word passive does not know
passive max=1;
=> invalid parameter "max=1" in "passive" directive
# passive without words
passive;
=> invalid number of arguments in "passive" directive
# a check of no kind
check icmp;
=> invalid value "icmp" in "check" directive, it must be "http", "tcp" or "websocket"
# check without words
check;
=> invalid number of arguments in "check" directive
# two checks
check tcp; check http;
=> "check" directive is duplicate
# a parameter twice
check http rise=1 rise=2;
=> duplicate parameter "rise" in "check" directive
# a word check does not know
check http every=1s;
=> invalid parameter "every=1s" in "check" directive
# a target that is no path
check http uri=health;
=> invalid value "uri=health" in "check" directive, it must be a path such as "/health"
# a target with a space
check http "uri=/a b";
=> invalid value "uri=/a b" in "check" directive, it must be a path such as "/health"
# a name with a tab
check http "host=a	b";
=> invalid value "host=a\x09b" in "check" directive, it must be a name that can stand in a request
# an interval of nothing
check http interval=0;
=> invalid value "interval=0" in "check" directive, it must be a time such as "3s", 10ms or more
# a time that is longer than the interval
check http interval=1s timeout=2s;
=> "timeout=" must not be longer than "interval=" in "check" directive
# no answer turns a backend
check http fall=0;
=> invalid value "fall=0" in "check" directive, it must be between 1 and 100
# statuses that are none
check http expect=6xx;
=> invalid value "expect=6xx" in "check" directive, it must be statuses such as "200-399"
# a rate of nothing
check http max_rate=0/s;
=> invalid value "max_rate=0/s" in "check" directive, it must be between 1/s and 100000/s
# more than all
check http panic=101%;
=> invalid value "panic=101%" in "check" directive, it must be between 0% and 100%
# a path where nothing is asked for
check tcp uri=/;
=> "uri=" means nothing in "check tcp"
# idle together with check_first
check http check_first idle=1m;
=> "idle=" means nothing with "check_first" in "check" directive
# statuses where another one is due
check websocket expect=200;
=> "expect=" means nothing in "check websocket"
# reload that is no time
file apps.json reload=often;
=> invalid value "reload=often" in "file" directive
# a word file does not know
file apps.json every=1s;
=> invalid parameter "every=1s" in "file" directive
# reload twice
file apps.json reload=1s reload=2s;
=> duplicate parameter "reload" in "file" directive
# only reload
file reload=1s;
=> invalid number of arguments in "file" directive
# one of several files is not there
file apps.json none.json reload=1s;
=> upstream_table "apps": file "*/conf/none.json": cannot be read (2: No such file or directory)
# two lines
file apps.json; file empty.json;
=> "file" directive is duplicate
# a file that is not there
file none.json;
=> upstream_table "apps": file "*/conf/none.json": cannot be read (2: No such file or directory)
# a directory
file .;
=> upstream_table "apps": file "*/conf/./empty.json": file is empty
# a device that never ends
file /dev/zero;
=> upstream_table "apps": file "/dev/zero": cannot be read (not a regular file)
# an empty file
file empty.json;
=> upstream_table "apps": file "*/conf/empty.json": file is empty
# a block in the block
check { }
=> unexpected "{"
# a parameter of passive twice
passive fails=1 fails=2;
=> duplicate parameter "fails" in "passive" directive
# a file without a name
file "";
=> invalid value "" in "file" directive

=== TEST 3: several files, and a directory
--- http_config
upstream_table apps { zone 1m; file apps.json apps.d; }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": []}}
>>> ../conf/apps.d/.hidden.json
not JSON
>>> ../conf/apps.d/notes
not JSON
>>> ../conf/apps.d/b.json
CASE
--- conf_cases
# a key of an earlier file
{"version": 1, "routes": {"A.test": {"backends": []}}}
=> upstream_table "apps": file "*/conf/apps.d/b.json": duplicate key "A.test", it is "a.test" at /routes/A.test, file "*/conf/apps.json" has it too
# an error in the directory
{"b.test": {"backends": []}
=> upstream_table "apps": file "*/conf/apps.d/b.json": unexpected end of file at line 2 column 0

=== TEST 4: several files, and a directory, in use
--- http_config
upstream_table apps { zone 1m; file apps.json apps.d ./x=y.json reload=2s; }
upstream_variable $v apps $arg_host v default=none;
--- config
location = / { return 200 $v; }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": [], "vars": {"v": "a"}}}
>>> ../conf/x=y.json
{}
>>> ../conf/apps.d/.hidden.json
not JSON
>>> ../conf/apps.d/notes
not JSON
>>> ../conf/apps.d/b.json
{"b.test": {"backends": [], "vars": {"v": "b"}}}
>>> ../conf/apps.d/c.json
{"c.test": {"backends": [], "vars": {"v": "c"}}}
--- request eval
["GET /?host=a.test", "GET /?host=b.test", "GET /?host=c.test", "GET /?host=d.test"]
--- response_body eval
["a", "b", "c", "none"]

=== TEST 5: upstream_lookup, upstream_variable and tables
--- http_config
CASE
--- user_files
>>> ../conf/apps.json
{}
>>> ../conf/extra.conf

upstream backend {

    upstream_lookup other $host;
}
--- conf_cases
# an unknown table in upstream_lookup
upstream_table apps { zone 1m; file apps.json; }
upstream backend { upstream_lookup other $host; }
=> unknown upstream_table "other" in "upstream_lookup" directive
# an unknown table in upstream_variable, none defined
upstream_variable $v other $host name;
=> unknown upstream_table "other" in "upstream_variable" directive
# the line is where the table was named
include extra.conf;
=> unknown upstream_table "other" in "upstream_lookup" directive @ extra.conf:4
# two tables of one name
upstream_table apps { zone 1m; file apps.json; }
upstream_table apps { zone 1m; }
=> duplicate upstream_table "apps"
# two tables with one state
upstream_table apps { zone 1m; state apps.state; }
upstream_table more { zone 1m; state apps.state; }
=> state "*/apps.state" is that of upstream_table "apps" already @ nginx.conf
# a block without its end
upstream_table apps { zone 1m;
=> unexpected "{" @ nginx.conf

=== TEST 6: a lookup in an upstream
--- http_config
upstream_table apps { zone 1m; file apps.json; }
CASE
--- user_files
>>> ../conf/apps.json
{}
--- conf_cases
# another balancing method before the lookup
upstream backend { least_conn; upstream_lookup apps $host; }
=> "upstream_lookup" directive must come before "keepalive" and cannot be used with another load balancing method
# another balancing method after it
upstream backend { upstream_lookup apps $host; server 127.0.0.1; least_conn; }
=> [warn] load balancing method redefined
=> "upstream_lookup" cannot be used with another load balancing method
# hash after it
upstream backend { upstream_lookup apps $host; server 127.0.0.1; hash $uri consistent; }
=> [warn] load balancing method redefined
=> "upstream_lookup" cannot be used with another load balancing method
# ip_hash and random after it
upstream backend { upstream_lookup apps $host; server 127.0.0.1; ip_hash; }
upstream other { upstream_lookup apps $host; server 127.0.0.1; random two; }
=> [warn] load balancing method redefined
=> [warn] load balancing method redefined
=> "upstream_lookup" cannot be used with another load balancing method
# the lookup twice
upstream backend { upstream_lookup apps $host; upstream_lookup apps $uri; }
=> "upstream_lookup" directive is duplicate
# a balancing method that is none
upstream backend { upstream_lookup apps $host balance=fastest; }
=> unknown balancing method "fastest" in "upstream_lookup" directive, it must be "round_robin", "least_conn", "p2c" or "hash"
# balancing by a hash of nothing
upstream backend { upstream_lookup apps $host balance=hash; }
=> "upstream_lookup" directive with "balance=hash" needs "hash_key="
# balancing by a hash of an empty text
upstream backend { upstream_lookup apps $host balance=hash hash_key=; }
=> invalid value "hash_key=" in "upstream_lookup" directive
# sessions in a cookie that cannot be
upstream backend { upstream_lookup apps $host sticky=; }
=> invalid value "sticky=" in "upstream_lookup" directive
# a name that no cookie has
upstream backend { upstream_lookup apps $host "sticky=a b"; }
=> invalid value "sticky=a b" in "upstream_lookup" directive
# a key that nothing hashes
upstream backend { upstream_lookup apps $host hash_key=$arg_k; }
=> "upstream_lookup" directive has "hash_key=" without "balance=hash"
# a parameter twice
upstream backend { upstream_lookup apps $host balance=p2c balance=hash; }
=> duplicate parameter "balance" in "upstream_lookup" directive
# a word the lookup does not know
upstream backend { upstream_lookup apps $host order=random; }
=> invalid parameter "order=random" in "upstream_lookup" directive
# a variable nobody knows in the key
upstream backend { upstream_lookup apps $nothing_known; }
=> unknown "nothing_known" variable @ -
# a variable without its dollar
upstream_variable v apps $host name;
=> invalid variable name "v"
# a word upstream_variable does not know
upstream_variable $v apps $host name fallback=x;
=> invalid parameter "fallback=x" in "upstream_variable" directive
# a mistake after the balancer leaves no trace
upstream backend { upstream_lookup apps $host; nonsense; }
=> unknown directive "nonsense"

=== TEST 7: a lookup and a table in a server
--- http_config
upstream_table more { zone 1m; file apps.json; }
--- config
CASE
--- user_files
>>> ../conf/apps.json
{}
--- conf_cases
# the lookup outside an upstream
upstream_lookup more $host;
=> "upstream_lookup" directive is not allowed here
# a table in a server
upstream_table apps { zone 1m; }
=> "upstream_table" directive is not allowed here

=== TEST 8: what a route file says
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files
>>> ../conf/apps.json
CASE
--- conf_cases
# no JSON, with line and column
{"a.test":
  {"backends": [}}
=> upstream_table "apps": file "*/conf/apps.json": expected value at line 2 column 17
# cut off in the middle
{"a.test": {"backends": ["http://127.0.0.1:80"]},
 "b.test": {"back
=> upstream_table "apps": file "*/conf/apps.json": unexpected end of file at line 3 column 0
# something after the end
{} {}
=> upstream_table "apps": file "*/conf/apps.json": trailing characters at line 1 column 4
# an array instead of an object
[]
=> upstream_table "apps": file "*/conf/apps.json": expected `{` at line 1 column 1
# another version
{"version": 2, "routes": {}}
=> upstream_table "apps": file "*/conf/apps.json": version is not 1 at /version
# an unknown member, by its JSON pointer
{"version": 1, "routes": {"a.test": {"backends": [{"url": "http://127.0.0.1", "wait": 1}]}}}
=> upstream_table "apps": file "*/conf/apps.json": unknown member "wait", it must be "url", "weight", "backup", "drain", "sni", "service", "max_conns" or "slow_start" at /routes/a.test/backends/0/wait
# an unknown member of a route in a bare file
{"a.test": {"backend": []}}
=> upstream_table "apps": file "*/conf/apps.json": unknown member "backend", it must be "id", "backends", "vars", "keys", "meta" or "check" at /a.test/backend
# one key twice
{"a.test": {"backends": []}, "b.test": {"backends": []}, "a.test": {"backends": []}}
=> upstream_table "apps": file "*/conf/apps.json": duplicate key "a.test" at /a.test
# one key twice in other words
{"a.test": {"backends": []}, "A.test:80": {"backends": []}}
=> upstream_table "apps": file "*/conf/apps.json": duplicate key "A.test:80", it is "a.test" at /A.test:80
# a key that is no host
{"a.*.test": {"backends": []}}
=> upstream_table "apps": file "*/conf/apps.json": invalid host name "a.\*.test" at /a.\*.test
# a member twice in one route
{"a.test": {"backends": [], "id": "x", "id": "y"}}
=> upstream_table "apps": file "*/conf/apps.json": duplicate member "id" at /a.test/id
# a URL with a path
{"a.test": {"backends": ["http://127.0.0.1/app"]}}
=> upstream_table "apps": file "*/conf/apps.json": path not allowed in backend "http://127.0.0.1/app" at /a.test/backends/0
# a URL of another scheme
{"a.test": {"backends": ["ftp://127.0.0.1"]}}
=> upstream_table "apps": file "*/conf/apps.json": scheme is neither http:// nor https:// in backend "ftp://127.0.0.1" at /a.test/backends/0
# a service of an address
{"a.test": {"backends": ["http://127.0.0.1#service=http"]}}
=> upstream_table "apps": file "*/conf/apps.json": service needs a host name in backend "http://127.0.0.1#service=http" at /a.test/backends/0
# a service beside a port
{"a.test": {"backends": ["http://n.test:80#service=http"]}}
=> upstream_table "apps": file "*/conf/apps.json": a port beside service: its records say that in backend "http://n.test:80#service=http" at /a.test/backends/0
# a service beside a weight
{"a.test": {"backends": [{"url": "http://n.test", "service": "http", "weight": 2}]}}
=> upstream_table "apps": file "*/conf/apps.json": weight beside service: its records say that at /a.test/backends/0
# a name that no service has
{"a.test": {"backends": ["http://n.test#service=a..b"]}}
=> upstream_table "apps": file "*/conf/apps.json": invalid service "a..b" in backend "http://n.test#service=a..b" at /a.test/backends/0
# a port that is none
{"a.test": {"backends": ["http://127.0.0.1:65536"]}}
=> upstream_table "apps": file "*/conf/apps.json": invalid port in backend "http://127.0.0.1:65536" at /a.test/backends/0
# a weight of nothing
{"a.test": {"backends": [{"url": "http://127.0.0.1", "weight": 0}]}}
=> upstream_table "apps": file "*/conf/apps.json": weight is not 1 to 65535 at /a.test/backends/0/weight
# two broken routes: the first is named, the table is not half filled
{"a.test": {"backends": ["http://127.0.0.1:80"]},
 "b.test": {"backends": ["http://"]},
 "c.test": {"backends": [7]}}
=> upstream_table "apps": file "*/conf/apps.json": invalid host in backend "http://" at /b.test/backends/0
# sni of an address
{"a.test": {"backends": [{"url": "https://127.0.0.1", "sni": "127.0.0.1"}]}}
=> upstream_table "apps": file "*/conf/apps.json": invalid sni "127.0.0.1" at /a.test/backends/0/sni
# what a file says cannot write lines or colours of its own into the log
{"a.test": {"backends": [], "vars": {"a\u001b[2J\u007fb\nnginx: x": 5}}}
=> upstream_table "apps": file "*/conf/apps.json": not a string at /a.test/vars/a\x1B[2J\x7Fb\x0Anginx: x
# the same of an even number of bytes
{"a.test": {"backends": [], "vars": {"a\u001b[2J\nnginx: x": 5}}}
=> upstream_table "apps": file "*/conf/apps.json": not a string at /a.test/vars/a\x1B[2J\x0Anginx: x
# unknown members are told which ones there are: of a backend
{"a.test": {"backends": [{"url": "http://127.0.0.1", "wieght": 1}]}}
=> upstream_table "apps": file "*/conf/apps.json": unknown member "wieght", it must be "url", "weight", "backup", "drain", "sni", "service", "max_conns" or "slow_start" at /a.test/backends/0/wieght
# of a route
{"a.test": {"backend": []}}
=> upstream_table "apps": file "*/conf/apps.json": unknown member "backend", it must be "id", "backends", "vars", "keys", "meta" or "check" at /a.test/backend
# of a file with a version
{"version": 1, "route": {}}
=> upstream_table "apps": file "*/conf/apps.json": unknown member "route", it must be "version" or "routes" at /route
# options of a short form
{"a.test": {"backends": ["http://127.0.0.1#wieght=2"]}}
=> upstream_table "apps": file "*/conf/apps.json": unknown option "wieght", it must be "weight", "backup", "drain", "sni", "service", "max_conns" or "slow_start" in backend "http://127.0.0.1#wieght=2" at /a.test/backends/0
# a trailing comma
{"a.test": {"backends": []},
}
=> upstream_table "apps": file "*/conf/apps.json": trailing comma at line 2 column 1

=== TEST 9: a zone too small for its file
--- http_config
upstream_table apps { CASE }
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": []}}
--- conf_cases
# a zone too small for a table
zone 32k; file apps.json;
=> upstream_table "apps": file "*/conf/apps.json": "zone" is too small: it has 32768 bytes, 1 route needs 81920 ("zone 80k;")
# the zone that was named for a table
zone 80k; file apps.json;
=> ok

=== TEST 10: a host nobody knows is a warning: it takes out its own backend only
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

=== TEST 11: keepalive before it
--- skip_nginx: 3: >= 1.29.7
--- http_config
upstream_table apps { zone 1m; }
upstream backend { keepalive 4; upstream_lookup apps $host; }
--- must_die
--- error_log eval
qr{\[emerg\] .*"upstream_lookup" directive must come before "keepalive" .* in \S+/conf/nginx\.conf:\d+}

=== TEST 12: include, and a table after its use
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

=== TEST 13: everything at once
--- http_config
upstream_variable $a apps $host a default=;
upstream_variable $b apps $host b;
upstream_table apps { zone 256k; match exact; shrink=any; miss 444; passive fails=0 window=1m status=500,502-504,4xx ratio=50%; }
upstream_table more { zone 2m; state none.state; }
upstream one { zone one 64k; server 127.0.0.1:1 backup; upstream_lookup apps "$host$uri" balance=round_robin; keepalive 2; }
upstream two { upstream_lookup more $host; }
--- config_ok

=== TEST 14: many dead names are a few warnings
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

=== TEST 15: a byte order mark
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files eval
">>> ../conf/apps.json\n\xef\xbb\xbf{}"
--- must_die
--- error_log eval
qr{\[emerg\] .*file "\S+/conf/apps\.json": byte order mark, the file must begin with `\{` at line 1 column 1 in \S+/conf/nginx\.conf:\d+}

=== TEST 16: a unix path that leaves no room for the tag of a TLS name
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files eval
">>> ../conf/apps.json\n" . '{"a.test": {"backends": ["https://unix:/' . "p" x 99 . '"]}}'
--- must_die
--- error_log eval
qr{\[emerg\] .*unix socket path longer than 99 bytes in backend "https://unix:/p+" at /a\.test/backends/0 in \S+/conf/nginx\.conf:\d+}

=== TEST 17: the longest unix paths
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- user_files eval
">>> ../conf/apps.json\n" . '{"a.test": {"backends": ["https://unix:/' . "p" x 98 . '", "http://unix:/' . "p" x 106 . '"]}}'
--- config_ok

=== TEST 18: routes too many for a zone too small for anything
--- http_config
upstream_table apps { zone 10k; file apps.json; }
--- user_files eval
">>> ../conf/apps.json\n" . '{"h0.test": {"backends": [], "vars": {"v": "' . "v" x 80 . '"}}, "h1.test": {"backends": [], "vars": {"v": "' . "v" x 160 . '"}}, "h2.test": {"backends": [], "vars": {"v": "' . "v" x 240 . '"}}, "h3.test": {"backends": [], "vars": {"v": "' . "v" x 320 . '"}}, "h4.test": {"backends": [], "vars": {"v": "' . "v" x 400 . '"}}, "h5.test": {"backends": [], "vars": {"v": "' . "v" x 480 . '"}}, "h6.test": {"backends": [], "vars": {"v": "' . "v" x 560 . '"}}, "h7.test": {"backends": [], "vars": {"v": "' . "v" x 640 . '"}}, "h8.test": {"backends": [], "vars": {"v": "' . "v" x 720 . '"}}, "h9.test": {"backends": [], "vars": {"v": "' . "v" x 800 . '"}}, "h10.test": {"backends": [], "vars": {"v": "' . "v" x 880 . '"}}, "h11.test": {"backends": [], "vars": {"v": "' . "v" x 960 . '"}}}'
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*upstream_table "apps": file "\S+/conf/apps\.json": "zone" is too small: it has 10240 bytes, 12 routes need 147456 \("zone 144k;"\) in \S+/conf/nginx\.conf:\d+}

=== TEST 19: the zone that was named for them
--- http_config
upstream_table apps { zone 144k; file apps.json; }
--- user_files eval
">>> ../conf/apps.json\n" . '{"h0.test": {"backends": [], "vars": {"v": "' . "v" x 80 . '"}}, "h1.test": {"backends": [], "vars": {"v": "' . "v" x 160 . '"}}, "h2.test": {"backends": [], "vars": {"v": "' . "v" x 240 . '"}}, "h3.test": {"backends": [], "vars": {"v": "' . "v" x 320 . '"}}, "h4.test": {"backends": [], "vars": {"v": "' . "v" x 400 . '"}}, "h5.test": {"backends": [], "vars": {"v": "' . "v" x 480 . '"}}, "h6.test": {"backends": [], "vars": {"v": "' . "v" x 560 . '"}}, "h7.test": {"backends": [], "vars": {"v": "' . "v" x 640 . '"}}, "h8.test": {"backends": [], "vars": {"v": "' . "v" x 720 . '"}}, "h9.test": {"backends": [], "vars": {"v": "' . "v" x 800 . '"}}, "h10.test": {"backends": [], "vars": {"v": "' . "v" x 880 . '"}}, "h11.test": {"backends": [], "vars": {"v": "' . "v" x 960 . '"}}}'
--- config_ok

=== TEST 18: the parameters of upstream_api
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- config
location /a/ { CASE }
--- user_files
>>> ../conf/apps.json
{}
>>> ../conf/key
k
--- conf_cases
# all of them
upstream_api apps write=off key_file=key body_max=1m;
=> ok
# twice
upstream_api apps; upstream_api apps;
=> "upstream_api" directive is duplicate
# a parameter twice
upstream_api apps write=on write=on;
=> duplicate parameter "write" in "upstream_api" directive
# neither on nor off
upstream_api apps write=yes;
=> invalid value "yes" in "write" of "upstream_api" directive, it must be "on" or "off"
# a word it does not know
upstream_api apps read=on;
=> invalid parameter "read=on" in "upstream_api" directive
# a size that is none
upstream_api apps body_max=long;
=> invalid value "body_max=long" in "upstream_api" directive
# a key that is not there
upstream_api apps key_file=none;
=> cannot load key file "*/conf/none" (2: No such file or directory) in "upstream_api" directive
# no path
upstream_api apps key_file=;
=> invalid parameter "key_file=" in "upstream_api" directive
# another table
upstream_api none;
=> unknown upstream_table "none" in "upstream_api" directive

=== TEST 19: where upstream_api may stand
--- http_config
upstream_table apps { zone 1m; file apps.json; }
--- config
CASE
--- user_files
>>> ../conf/apps.json
{}
--- conf_cases
# a path without a slash at its end
location /a { upstream_api apps; }
=> "upstream_api" directive must stand in a location that is a prefix and ends in "/", such as "location /_apps/"
# one path
location = /a/ { upstream_api apps; }
=> "upstream_api" directive must stand in a location that is a prefix and ends in "/", such as "location /_apps/"
# a pattern
location ~ /a/ { upstream_api apps; }
=> "upstream_api" directive must stand in a location that is a prefix and ends in "/", such as "location /_apps/"
# a name
location @a/ { upstream_api apps; }
=> "upstream_api" directive must stand in a location that is a prefix and ends in "/", such as "location /_apps/"
# a prefix before patterns
location ^~ /a/ { upstream_api apps; }
=> ok

=== TEST 20: a table that only the API fills
--- http_config
upstream_table apps { zone 1m; }
--- config
location /a/ { CASE }
--- conf_cases
# that may write
upstream_api apps write=on;
=> ok
# that may not
upstream_api apps;
=> [warn] upstream_table "apps" has no "file", no "redis", no "upstream_api" with "write=on" and no "upstream_register", it stays empty @ nginx.conf
