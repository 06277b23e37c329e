# What the lines of upstream_register say, and what is refused.
use Test::Nginx::Socket 'no_plan';

our $Http = <<'_EOC_';
    upstream_table apps { zone 1m; }
    upstream_table bytes { zone 1m; match exact; }
_EOC_

our $Key = <<'_EOC_';
>>> ../conf/key
correct-horse
>>> ../conf/empty
_EOC_

run_tests();

__DATA__

=== TEST 1: no hosts
--- http_config eval: $::Http
--- config
    location = /_join { upstream_register apps insecure; }
--- must_die
--- error_log
"upstream_register" directive has no "hosts="

=== TEST 2: no credential
--- http_config eval: $::Http
--- config
    location = /_join { upstream_register apps hosts=*; }
--- must_die
--- error_log
"upstream_register" directive needs "key_file=" or "profile=", or "insecure"

=== TEST 3: a key and none
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config
    location = /_join { upstream_register apps hosts=* key_file=key insecure; }
--- must_die
--- error_log
"upstream_register" directive has more than one of "key_file=", "profile=" and "insecure"

=== TEST 4: an empty key
--- http_config eval: $::Http
--- user_files eval: $::Key
--- config
    location = /_join { upstream_register apps hosts=* key_file=empty; }
--- must_die
--- error_log
is empty in "upstream_register" directive

=== TEST 5: no such key file
--- http_config eval: $::Http
--- config
    location = /_join { upstream_register apps hosts=* key_file=nowhere; }
--- must_die
--- error_log
No such file or directory

=== TEST 6: a pattern that is none
--- http_config eval: $::Http
--- config
    location = /_join { upstream_register apps hosts=a.test,*b.test insecure; }
--- must_die
--- error_log
"upstream_register" directive has an invalid pattern "*b.test" (invalid host name)

=== TEST 7: an empty pattern
--- http_config eval: $::Http
--- config
    location = /_join { upstream_register apps hosts= insecure; }
--- must_die
--- error_log
has an invalid pattern ""

=== TEST 8: a word of the future
--- http_config eval: $::Http
--- config
    location = /_join { upstream_register apps hosts=* audience=workers; }
--- must_die
--- error_log
invalid parameter "audience=workers"

=== TEST 9: a word twice
--- http_config eval: $::Http
--- config
    location = /_join { upstream_register apps hosts=* insecure insecure; }
--- must_die
--- error_log
duplicate

=== TEST 10: no such table
--- http_config eval: $::Http
--- config
    location = /_join { upstream_register other hosts=* insecure; }
--- must_die
--- error_log
unknown upstream_table "other" in "upstream_register" directive

=== TEST 11: a table that matches bytes
--- http_config eval: $::Http
--- config
    location = /_join { upstream_register bytes hosts=* insecure; }
--- must_die
--- error_log
"upstream_register" needs an upstream_table with "match host"

=== TEST 12: twice in a location
--- http_config eval: $::Http
--- config
    location = /_join { upstream_register apps hosts=* insecure; upstream_register apps hosts=* insecure; }
--- must_die
--- error_log
"upstream_register" directive is duplicate

=== TEST 13: beside the API
--- http_config eval: $::Http
--- config
    location /_apps/ { upstream_api apps; upstream_register apps hosts=* insecure; }
--- must_die
--- error_log
cannot share its location with "upstream_api"

=== TEST 14: the API beside it
--- http_config eval: $::Http
--- config
    location /_apps/ { upstream_register apps hosts=* insecure; upstream_api apps; }
--- must_die
--- error_log
cannot share its location with "upstream_register"

=== TEST 15: times that are none
--- http_config eval: $::Http
--- config
    location = /_join { upstream_register apps hosts=* insecure ttl=500ms; }
--- must_die
--- error_log
has an invalid "ttl=500ms", it must be 1s to 1d

=== TEST 16: too long a time
--- http_config eval: $::Http
--- config
    location = /_join { upstream_register apps hosts=* insecure max_ttl=2d; }
--- must_die
--- error_log
has an invalid "max_ttl=2d", it must be 1s to 1d

=== TEST 17: a usual time above the longest
--- http_config eval: $::Http
--- config
    location = /_join { upstream_register apps hosts=* insecure ttl=20s max_ttl=10s; }
--- must_die
--- error_log
has a "ttl=" above its "max_ttl="

=== TEST 18: too many backends
--- http_config eval: $::Http
--- config
    location = /_join { upstream_register apps hosts=* insecure max=65; }
--- must_die
--- error_log
has an invalid "max=65", it must be 1 to 64

=== TEST 19: a table that follows a store, and the store is away
--- http_config
    upstream_table shared { zone 1m; redis 127.0.0.1:1; }
--- config
    location = /_join { upstream_register shared hosts=* insecure; }
--- request eval
["POST /_join?host=a.test&port=3000", "DELETE /_join?host=a.test&port=3000"]
--- more_headers
Content-Type: application/json
--- error_code eval
[503, 503]
--- response_headers eval
["Retry-After: 1", "Retry-After: 1"]
--- response_body_like eval
["store_unavailable", "store_unavailable"]

=== TEST 20: a key that no header can carry
--- http_config eval: $::Http
--- user_files eval
">>> ../conf/blank\nsekret \n"
--- config
    location = /_join { upstream_register apps hosts=* key_file=blank; }
--- must_die
--- error_log
"upstream_register" directive has a "key_file=blank" whose key has a blank

=== TEST 21: a word that nearly lets anybody in
--- http_config eval: $::Http
--- config
    location = /_join { upstream_register apps hosts=* secure; }
--- must_die
--- error_log
invalid parameter "secure"
