# Registrations that need a token of a profile instead of one key for all.
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    upstream_table apps { zone 1m; }
    token_profile workers { format hmac; key file=key id=k1; message "{expires}|$arg_host"; from header; }
    token_profile open { format open; }
_EOC_

our $Key = <<'_EOC_';
>>> ../conf/key
correct-horse
_EOC_

run_tests();

__DATA__

=== TEST 1: a token is for its host alone
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config
    location = /_join { upstream_register apps hosts=* profile=workers; }
    location /_apps/ { upstream_api apps; }
--- request eval
["POST /_join?host=a.test&port=3000", "POST /_join?host=b.test&port=3000", "DELETE /_join?host=b.test&port=3000", "GET /_apps/a.test", "GET /_apps/b.test", "DELETE /_join?host=a.test&port=3000"]
--- more_headers
X-Token: eMKBogt8MylaHfkLS--72jyTx8X5MGEg2VYKGeJXpsU,4000000000
--- error_code eval
[201, 403, 403, 200, 404, 204]
--- error_log
token refused: invalid, profile "workers"
--- no_error_log
eMKBogt8MylaHfkLS--72jyTx8X5MGEg2VYKGeJXpsU,4000000000

=== TEST 2: no token, whatever else lets the request pass
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config
    location = /_join { upstream_register apps hosts=* profile=workers; }
    location = /_dry { token_auth_dry_run on; upstream_register apps hosts=* profile=workers; }
    location = /_any { satisfy any; allow all; upstream_register apps hosts=* profile=workers; }
    location = /_if { upstream_register apps hosts=* profile=workers; if ($arg_port) { set $x 1; } }
    location = /_page { upstream_register apps hosts=* profile=workers; error_page 403 =200 /_dry; }
    location /_apps/ { upstream_api apps; }
--- request eval
["POST /_join?host=a.test&port=3000", "POST /_dry?host=a.test&port=3000", "POST /_any?host=a.test&port=3000", "POST /_if?host=a.test&port=3000", "POST /_page?host=a.test&port=3000", "DELETE /_dry?host=a.test&port=3000", "GET /_apps/a.test"]
--- more_headers
Content-Type: application/json
--- error_code eval
[403, 401, 401, 403, 200, 401, 404]
--- response_body_unlike eval
["ttl_ms", "ttl_ms", "ttl_ms", "ttl_ms", "ttl_ms", "ttl_ms", "ttl_ms"]

=== TEST 3: a token where anybody else might pass
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config
    location = /_dry { token_auth_dry_run on; upstream_register apps hosts=* profile=workers; }
    location = /_any { satisfy any; deny all; upstream_register apps hosts=* profile=workers; }
--- request eval
["POST /_dry?host=a.test&port=3000", "POST /_any?host=a.test&port=3000"]
--- more_headers
X-Token: eMKBogt8MylaHfkLS--72jyTx8X5MGEg2VYKGeJXpsU,4000000000
--- error_code eval
[201, 200]

=== TEST 4: a page of another site has no use of somebody's token
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config
    location = /_join { upstream_register apps hosts=* profile=workers; }
--- request
POST /_join?host=a.test&port=3000
--- more_headers
X-Token: eMKBogt8MylaHfkLS--72jyTx8X5MGEg2VYKGeJXpsU,4000000000
Origin: http://elsewhere.test
--- error_code: 403
--- response_body_like: foreign_origin

=== TEST 5: no such profile
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config
    location = /_join { upstream_register apps hosts=* profile=nobody; }
--- must_die
--- error_log
unknown token_profile "nobody" in "upstream_register" directive

=== TEST 6: a profile without tokens
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config
    location = /_join { upstream_register apps hosts=* profile=open; }
--- must_die
--- error_log
token_profile "open" lets every request pass, "upstream_register" needs one that does not

=== TEST 7: two words for who may come
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config
    location = /_join { upstream_register apps hosts=* profile=workers key_file=key; }
--- must_die
--- error_log
"upstream_register" directive has more than one of "key_file=", "profile=" and "insecure"

=== TEST 8: a profile beside token_auth
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config
    location = /_join { token_auth workers; upstream_register apps hosts=* profile=workers; }
--- must_die
--- error_log
"upstream_register" directive has "profile=" where "token_auth" stands

=== TEST 9: token_auth behind a profile
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config
    location = /_join { upstream_register apps hosts=* profile=workers; token_auth off; }
--- must_die
--- error_log
"token_auth" directive is duplicate

=== TEST 10: a profile whose name is empty
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config
    location = /_join { upstream_register apps hosts=* profile=; }
--- must_die
--- error_log
invalid parameter "profile="
