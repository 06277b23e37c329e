# What a signed URL's host is: that of the server which serves the request, whatever else a client says.
use Test::Nginx::Socket 'no_plan';

our $Files = ">>> ../conf/key\nnZtRohdNF9m3cKM24IcK4w==\n";
# gatehouse token sign --format gcp_cdn --key-file k=key --expires 4000000000 --origin http://a.test --url /g/x
our $Link = "/g/x?Expires=4000000000&KeyName=k&Signature=HG4Rp_6h85EPn2egPO9wFrdA7vk=";

no_long_string();
run_tests();

__DATA__

=== TEST 1: a link for one host opens no other one's server
--- http_config
token_profile p { format gcp_cdn; key id=k file=key; }
server { listen 127.0.0.1:$TEST_NGINX_SERVER_PORT; server_name a.test; location / { token_auth p; root html; } }
server { listen 127.0.0.1:$TEST_NGINX_SERVER_PORT; server_name b.test; location / { token_auth p; root html; } }
--- config
return 404;
--- user_files eval: $::Files . ">>> g/x\nshown\n"
--- request eval
["GET $::Link", "GET $::Link", "GET $::Link", "GET http://a.test$::Link", "GET http://b.test$::Link"]
--- more_headers eval
["Host: a.test", "Host: A.test", "Host: b.test", "Host: b.test", "Host: a.test"]
--- error_code eval
[200, 200, 403, 200, 403]
