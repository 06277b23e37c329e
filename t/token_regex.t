# Regular expressions without groups: nginx counts captures for them and has no memory of any.
use Test::Nginx::Socket 'no_plan';

our $Files = ">>> ../conf/key\nexample\n>>> f\nshown\n>>> cdn/f\ncdn\n";
our $Http = <<'_EOC_';
token_profile p { format hmac; key file=key; message '{expires}|$uri'; from query; }
token_profile m { format hmac; key file=key; message '{expires}|$same'; from query; }
map $uri $same { ~^(.*)$ $1; }
map $http_user_agent $profile { default p; ~bot p; }
map $uri $policy { default open; ~f$ open; }
geoip_policy open { allow all; }
_EOC_

no_long_string();
run_tests();

__DATA__

=== TEST 1: a location
--- http_config eval: $::Http
--- config
root html;
location ~ f$ { token_auth p; add_header X-Status $token_auth_status always; }
--- user_files eval: $::Files
--- request eval
["GET /f?token=zFEBlTyHPb3P08Op6GSyyoum9P5GITRdpuZRnFeaNGQ&expires=4000000000", "GET /cdn/f?token=zFEBlTyHPb3P08Op6GSyyoum9P5GITRdpuZRnFeaNGQ&expires=4000000000", "GET /f", "GET /cdn/f?token=XEMyWA2NieVvOuIiugoohJT7FnGBQoukwcSCTFoTlS0&expires=4000000000"]
--- error_code eval
[200, 403, 403, 200]
--- response_headers eval
["X-Status: ok", "X-Status: invalid", "X-Status: missing", "X-Status: ok"]
--- no_error_log
[alert]

=== TEST 2: a location whose message has groups in a map
--- http_config eval: $::Http
--- config
root html;
location ~ f$ { token_auth m; add_header X-Status "$token_auth_status|$1" always; }
--- user_files eval: $::Files
--- request eval
["GET /f?token=zFEBlTyHPb3P08Op6GSyyoum9P5GITRdpuZRnFeaNGQ&expires=4000000000", "GET /cdn/f?token=zFEBlTyHPb3P08Op6GSyyoum9P5GITRdpuZRnFeaNGQ&expires=4000000000"]
--- error_code eval
[200, 403]
--- response_headers eval
["X-Status: ok|", "X-Status: invalid|"]

=== TEST 3: a profile or a policy chosen by a variable
--- http_config eval: $::Http
--- config
root html;
location ~ ^/f$ { token_auth $profile; }
location ~ ^/cdn/ { geoip_use $policy; }
--- user_files eval: $::Files
--- request eval
["GET /f", "GET /f?token=zFEBlTyHPb3P08Op6GSyyoum9P5GITRdpuZRnFeaNGQ&expires=4000000000", "GET /cdn/f"]
--- more_headers
User-Agent: a bot
--- error_code eval
[403, 200, 200]
--- no_error_log
[alert]

=== TEST 4: `rewrite` and `if`, also one that the client makes true
--- http_config eval: $::Http
--- config
root html;
location /a { rewrite ^ /f last; }
location /b { rewrite ^ /f break; token_auth p; }
location /f { if ($http_cookie ~ x=1) { set $y 1; } token_auth p; }
--- user_files eval: $::Files
--- request eval
["GET /a?token=zFEBlTyHPb3P08Op6GSyyoum9P5GITRdpuZRnFeaNGQ&expires=4000000000", "GET /b?token=zFEBlTyHPb3P08Op6GSyyoum9P5GITRdpuZRnFeaNGQ&expires=4000000000", "GET /f?token=zFEBlTyHPb3P08Op6GSyyoum9P5GITRdpuZRnFeaNGQ&expires=4000000000", "GET /f?token=XEMyWA2NieVvOuIiugoohJT7FnGBQoukwcSCTFoTlS0&expires=4000000000"]
--- more_headers
Cookie: x=1
--- error_code eval
[403, 403, 200, 403]
--- no_error_log
[alert]

=== TEST 5: the name of a server
--- http_config eval
$::Http . 'server { listen 127.0.0.1:$TEST_NGINX_SERVER_PORT; server_name ~^www\.; root html; location / { token_auth p; } }'
--- config
root html;
--- user_files eval: $::Files
--- request eval
["GET /f?token=zFEBlTyHPb3P08Op6GSyyoum9P5GITRdpuZRnFeaNGQ&expires=4000000000", "GET /f"]
--- more_headers
Host: www.example.com
--- error_code eval
[200, 403]
--- no_error_log
[alert]

=== TEST 6: a group first, then an expression without: the group's offsets stay nginx's
--- http_config eval: $::Http
--- config
root html;
location ~ ^/cdn/(.*)$ { if ($uri ~ f$) { set $y 1; } token_auth m; add_header X-Rest "$1" always; }
location ~ ^(/)(f)$ { token_auth m; add_header X-Rest "$1$2" always; }
--- user_files eval: $::Files
--- request eval
["GET /cdn/f?token=XEMyWA2NieVvOuIiugoohJT7FnGBQoukwcSCTFoTlS0&expires=4000000000", "GET /f?token=zFEBlTyHPb3P08Op6GSyyoum9P5GITRdpuZRnFeaNGQ&expires=4000000000"]
--- error_code eval
[200, 200]
--- response_headers eval
["X-Rest: ", "X-Rest: /f"]

=== TEST 7: in a subrequest, whose captures are its own
--- http_config eval: $::Http
--- config
root html;
ssi on;
ssi_types *;
location ~ ^/(page)$ { token_auth $profile; set $before $1; add_header X-Page "$before" always; }
location ~ part$ { geoip_use $policy; }
--- user_files eval
$::Files . ">>> page\n[<!--#include virtual=\"/part\" -->]\n>>> part\npart\n"
--- request eval
["GET /page?token=uLDcbZH7BbNAI0prnHQ-oH6SMmh3ZTOcZFDmB_V4plU&expires=4000000000"]
--- error_code eval
[200]
--- response_headers eval
["X-Page: page"]
--- response_body eval
["[part\n]\n"]
--- no_error_log
[alert]
