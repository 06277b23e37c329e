# Words of a profile about what follows a valid token: what is refused while nginx reads them, and what is accepted.
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== TEST 1: limit
--- http_config
token_profile p { format scalesimple; key file=key;
CASE
}
--- user_files
>>> ../conf/key
key-one
>>> ../conf/limit.inc

limit uses=1 zone=4k;
--- conf_cases
# uses alone
limit uses=1 zone=32k;
=> ok
# addresses alone
limit addresses=50 zone=1m;
=> ok
# all of it
limit zone=32k addresses=1 uses=1000000000;
=> ok
# nothing that is limited
limit zone=32k;
=> "limit" must have "uses" or "addresses" parameter
# no zone
limit uses=1;
=> "limit" must have "zone" parameter
# nothing
limit;
=> invalid number of arguments in "limit" directive
# a size that is none
limit uses=1 zone=big;
=> invalid parameter "zone=big" in "limit" directive, it takes [uses=N] [addresses=N] zone=size
# no use at all
limit uses=0 zone=32k;
=> invalid value "0" in "limit" directive, it must be between 1 and 1000000000
# too many uses
limit uses=1000000001 zone=32k;
=> invalid value "1000000001" in "limit" directive, it must be between 1 and 1000000000
# a sign
limit uses=+1 zone=32k;
=> invalid value "+1" in "limit" directive, it must be between 1 and 1000000000
# too many addresses
limit addresses=51 zone=32k;
=> invalid value "51" in "limit" directive, it must be between 1 and 50
# an unknown parameter
limit uses=1 zone=32k rate=1r/s;
=> invalid parameter "rate=1r/s" in "limit" directive, it takes [uses=N] [addresses=N] zone=size
# a parameter twice
limit uses=1 uses=1 zone=32k;
=> duplicate parameter "uses" in "limit" directive
# twice
limit uses=1 zone=32k; limit uses=1 zone=32k;
=> "limit" directive is duplicate
# a zone that is too small, with the file and the line
include limit.inc;
=> token_profile "p": "zone=" in "limit" directive is too small: it has 4096 bytes, a limit needs 32768 ("zone=32k") @ limit.inc:2

=== TEST 2: a profile without tokens has nothing to limit
--- http_config
token_profile p { format open; limit uses=1 zone=32k; }
--- must_die
--- error_log
token_profile "p" has a "limit", format "open" takes none

=== TEST 3: close_websocket
--- http_config
token_profile p { format scalesimple; key file=key; CASE }
--- user_files
>>> ../conf/key
key-one
--- conf_cases
# on
close_websocket on;
=> ok
# off
close_websocket off;
=> ok
# anything else
close_websocket yes;
=> invalid value "yes" in "close_websocket" directive, it must be "on" or "off"
# nothing
close_websocket;
=> invalid number of arguments in "close_websocket" directive
# twice
close_websocket on; close_websocket on;
=> "close_websocket" directive is duplicate

=== TEST 4: issue_cookie
--- http_config
token_profile p { format scalesimple; key file=key; from query cookie=c;
CASE
}
token_profile only { format scalesimple; key file=key; from cookie=c; }
--- user_files
>>> ../conf/key
key-one
--- conf_cases
# a name alone
issue_cookie c;
=> ok
# all of it
issue_cookie c path=/video/ max_age=1h secure httponly samesite=none;
=> ok
# the usual words, written out
issue_cookie c path=auto max_age=exp;
=> ok
# a cookie that is not looked for
issue_cookie token;
=> "issue_cookie token" needs "cookie=token" in "from" directive
# a path that is none
issue_cookie c path=video;
=> invalid parameter "path=video" in "issue_cookie" directive, it takes name [path=PREFIX|auto] [max_age=exp|time] [secure] [httponly] [samesite=strict|lax|none]
# a time that is none
issue_cookie c max_age=soon;
=> invalid parameter "max_age=soon" in "issue_cookie" directive, it takes name [path=PREFIX|auto] [max_age=exp|time] [secure] [httponly] [samesite=strict|lax|none]
# what browsers drop
issue_cookie c samesite=none;
=> "samesite=none" in "issue_cookie" directive needs "secure", or browsers drop the cookie
# an unknown value
issue_cookie c samesite=some;
=> unknown samesite "some" in "issue_cookie" directive, it must be "strict", "lax" or "none"
# an unknown word
issue_cookie c domain=a.test;
=> invalid parameter "domain=a.test" in "issue_cookie" directive, it takes name [path=PREFIX|auto] [max_age=exp|time] [secure] [httponly] [samesite=strict|lax|none]
# twice
issue_cookie c; issue_cookie c;
=> "issue_cookie" directive is duplicate
# nothing
issue_cookie;
=> invalid number of arguments in "issue_cookie" directive
