# Metrics of each backend, and of how long requests take.
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    upstream_table apps { zone 1m; file apps.json; passive fails=1 window=60s; }
    upstream backend { upstream_lookup apps $host; }
_EOC_

our $Config = <<'_EOC_';
    location /_gatehouse/ { gatehouse_status; }
    location / { proxy_pass http://backend; proxy_set_header Host $host; }
_EOC_

no_long_string();
run_tests();

__DATA__

=== TEST 1: requests by backend and by the class of what it answers, retries included
--- http_upstream: a, b
--- http_config eval: $::Http
--- config eval: $::Config
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.9:1", "http://127.0.0.1:$TEST_NGINX_PORT_A"]},
 "b.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_B"]},
 "c.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
--- request eval
["GET /", "GET /", "GET /status/404", "GET /status/302", "GET /status/503", "GET /status/201", "GET /_gatehouse/-/metrics"]
--- more_headers eval
["Host: a.test", "Host: a.test", "Host: c.test", "Host: c.test", "Host: b.test", "Host: b.test", "X: y"]
--- error_code eval
[200, 200, 404, 302, 503, 201, 200]
--- response_body_like eval
["", "", "", "", "", "", "# TYPE gatehouse_backend_requests_total counter\n"
 . "(?=(?s:.*)table=\"apps\",backend=\"http://127.0.0.9:1\",code=\"none\"\\} 1\n)"
 . "(?=(?s:.*)backend=\"(http://127.0.0.1:\\d+)\",code=\"2xx\"\\} 2\n"
 . "[^\n]+backend=\"\\1\",code=\"3xx\"\\} 1\n[^\n]+backend=\"\\1\",code=\"4xx\"\\} 1\n)"
 . "(?=(?s:.*)backend=\"(http://127.0.0.1:\\d+)\",code=\"2xx\"\\} 1\n[^\n]+backend=\"\\2\",code=\"5xx\"\\} 1\n)"]

=== TEST 2: who is up
--- http_upstream: a
--- http_config eval: $::Http
--- config eval: $::Config
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.9:1", "http://127.0.0.1:$TEST_NGINX_PORT_A", {"url": "http://127.0.0.9:2", "drain": true}]},
 "w.test": {"backends": ["http://nobody.invalid:80"]}}
--- request eval
["GET /_gatehouse/-/metrics", "GET /", "GET /", "GET /_gatehouse/-/metrics"]
--- more_headers
Host: a.test
--- error_code eval
[200, 200, 200, 200]
--- response_body_like eval
["# TYPE gatehouse_backend_up gauge\n(gatehouse_backend_up\\{table=\"apps\",backend=\"http://127.0.0.[19]:\\d+\"\\} 1\n){3}(#|\\z)",
 "", "", "gatehouse_backend_up\\{table=\"apps\",backend=\"http://127.0.0.9:1\"\\} 0\n"]

=== TEST 3: those that are asked for
--- http_config eval: $::Http
--- config eval
$::Config . 'location /_apps/ { upstream_api apps; }'
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://10.0.0.1:80", "http://10.0.1.1:80", "http://10.0.0.2:80"]}}
--- request eval
["GET /_gatehouse/-/metrics?backends=http://10.0.0.", "GET /_apps/-/metrics?backends=http%3A%2F%2F10.0.1", "GET /_apps/-/metrics?backends=x", "GET /_apps/-/metrics?backends=", "GET /_gatehouse/-/metrics?backend=x", "GET /_apps/-/metrics?backends=x&backends=y"]
--- error_code eval
[200, 200, 200, 200, 400, 400]
--- response_body_like eval
["gatehouse_backend_up gauge\n(gatehouse_backend_up\\{table=\"apps\",backend=\"http://10.0.0.[12]:80\"\\} 1\n){2}#",
 "gatehouse_backend_up gauge\ngatehouse_backend_up\\{table=\"apps\",backend=\"http://10.0.1.1:80\"\\} 1\n#",
 "gatehouse_table_backends\\{table=\"apps\"\\} 3\n(?!(?s:.*)backend_up)",
 "gatehouse_backend_up gauge\n(gatehouse_backend_up[^\n]+ 1\n){3}#",
 "unknown argument, it must be \\\\\"backends\\\\\"", "duplicate argument"]

=== TEST 4: what a tenant calls a backend does not leave its quotes; two of one address are told by their TLS names
--- http_config eval: $::Http
--- config eval: $::Config
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://unix:/tmp/\"} 1\\x", {"url": "https://10.0.0.1:443", "sni": "one.test"}, {"url": "https://10.0.0.1:443", "sni": "two.test"}, "http://10.0.0.1:443"]}}
--- request eval
["GET /_gatehouse/-/metrics", "GET /_gatehouse/-/metrics?backends=https://10.0.0.1:443%23sni=t", "GET /_gatehouse/-/metrics?backends=https://10.0.0.1:443%23"]
--- response_body_like eval
["(?=(?s:.*)backend_up\\{table=\"apps\",backend=\"http://unix:/tmp/\\\\\"} 1\\\\\\\\x\"\\} 1\n)"
 . "(?=(?s:.*)backend=\"https://10.0.0.1:443#sni=one.test\"\\} 1\n)"
 . "(?=(?s:.*)backend=\"https://10.0.0.1:443#sni=two.test\"\\} 1\n)"
 . "(?=(?s:.*)backend=\"http://10.0.0.1:443\"\\} 1\n)",
 "backend_up gauge\n[^\n]+#sni=two.test\"\\} 1\n#", "backend_up gauge\n([^\n]+#sni=[ot][a-z]+.test\"\\} 1\n){2}#"]

=== TEST 5: how long requests take, those that no backend served as well
--- http_upstream: a
--- http_config eval
$::Http . 'upstream_table unused { zone 1m; file apps.json; }'
--- config eval: $::Config
--- user_files
>>> ../conf/apps.json
{"a.test": {"backends": ["http://127.0.0.1:$TEST_NGINX_PORT_A"]}}
--- request eval
["GET /", "GET /", "GET /", "GET /_gatehouse/-/metrics"]
--- more_headers eval
["Host: a.test", "Host: a.test", "Host: none.test", "X: y"]
--- error_code eval
[200, 200, 404, 200]
--- response_body_like eval
["", "", "", "# TYPE gatehouse_request_duration_seconds histogram\n"
 . "gatehouse_request_duration_seconds_bucket\\{table=\"apps\",le=\"0.005\"\\} \\d\n"
 . "(gatehouse_request_duration_seconds_bucket\\{table=\"apps\",le=\"[\\d.]+\"\\} \\d\n){11}"
 . "gatehouse_request_duration_seconds_bucket\\{table=\"apps\",le=\"[\\d.]+\"\\} 3\n"
 . "gatehouse_request_duration_seconds_bucket\\{table=\"apps\",le=\"\\+Inf\"\\} 3\n"
 . "gatehouse_request_duration_seconds_sum\\{table=\"apps\"\\} \\d+\\.\\d\\d\\d\n"
 . "gatehouse_request_duration_seconds_count\\{table=\"apps\"\\} 3\n#"]
