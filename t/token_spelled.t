# A token for paths is not for a target that an upstream may understand as another path than nginx does.
use Test::Nginx::Socket 'no_plan';

our $Files = ">>> ../conf/key\n0123456789abcdef0123456789abcdef\n";
# gatehouse token sign --format edgeauth --key-file key --expires 4000000000 --claim 'acl=/e/v/*' --url /e/v/x
our $Acl = "__token__=exp=4000000000~acl=/e/v/*~hmac=bf392073cb46ed8117c60055edc508ebe42f66c71fd9309a0b4f02cd28d96ee2";

no_long_string();
run_tests();

__DATA__

=== TEST 1: what nginx takes out of a path is in no path scope
--- http_config
token_profile p { format edgeauth; key file=key; }
--- config
location /e/ { token_auth p; proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/seen; }
location /seen { return 200 $request_uri; }
--- user_files eval: $::Files
--- request eval
["GET /e/v/x?$::Acl", "GET /e/v/%78?$::Acl", "GET /e/v/a;b/x?$::Acl",
"GET /e/v/..;/..;/../../x?$::Acl", "GET /e/v/.;/.;/../../paid/x?$::Acl", "GET /e/v/;/../x?$::Acl", "GET /e/v/.%5c./../x?$::Acl",
"GET /e/v/%5c/../x?$::Acl", "GET /e/paid//../v/x?$::Acl", "GET /e/v/%2e/x?$::Acl", "GET /e/v//x?$::Acl", "GET /e/v/..;/x?$::Acl",
"GET /e/v/x?$::Acl#/../../paid", "GET /e/w/x?$::Acl"]
--- error_code eval
[200, 200, 200, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403]

=== TEST 2: without merge_slashes two of them are spelled
--- http_config
token_profile p { format edgeauth; key file=key; }
merge_slashes off;
--- config
location /e/v { token_auth p; proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/seen; }
location /seen { return 200; }
--- user_files eval: $::Files
--- request eval
["GET /e/v//x?$::Acl", "GET /e/v/./x?$::Acl"]
--- error_code eval
[200, 403]
