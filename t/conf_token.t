# What the token directives refuse while nginx reads its configuration, and what they accept.
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== TEST 1: a profile and the place it stands in
--- http_config
CASE
--- user_files
>>> ../conf/key
key-one
>>> ../conf/p.conf
token_profile p { format scalesimple;
>>> ../conf/common.inc

format nothing;
>>> ../conf/extra.conf

server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    location / {
        token_auth nobody;
    }
}
--- conf_cases
# an unknown profile in http
token_auth q;
=> unknown token_profile "q" in "token_auth" directive
# an unknown profile is found at the end, its line is where it was named
include extra.conf;
=> unknown token_profile "nobody" in "token_auth" directive @ extra.conf:5
# the same profile twice
token_profile p { format scalesimple; key file=key; } token_profile p { format scalesimple; key file=key; }
=> duplicate token_profile "p"
# `off` is no name
token_profile off { format scalesimple; key file=key; }
=> invalid token_profile name "off", it must not be empty, "off" or contain "$"
# a name with a variable
token_profile $p { format scalesimple; key file=key; }
=> invalid token_profile name "$p", it must not be empty, "off" or contain "$"
# an empty name
token_profile "" { format scalesimple; key file=key; }
=> invalid token_profile name "", it must not be empty, "off" or contain "$"
# a profile without a name
token_profile { format scalesimple; key file=key; }
=> invalid number of arguments in "token_profile" directive
# a profile without a block
token_profile p;
=> directive "token_profile" has no opening "{"
# a profile that is never closed
token_profile p { format scalesimple;
=> unexpected "{" @ nginx.conf
# a profile that is never closed, at the end of its file
include p.conf;
=> unexpected end of file, expecting "}" @ p.conf:2
# token_auth in an upstream
upstream u { token_auth off; server 127.0.0.1:1; }
=> "token_auth" directive is not allowed here
# an error inside an include inside a profile names that file
token_profile p { include common.inc; key file=key; }
=> unknown format "nothing" in "format" directive, it must be "scalesimple", * @ common.inc:2
# a missing include inside a profile
token_profile p { include none.inc; key file=key; }
=> open() "*/conf/none.inc" failed (2: No such file or directory)
# a profile that nothing uses is checked all the same
token_profile p { format scalesimple; key file=none; }
=> cannot load key file "*/conf/none" (2: No such file or directory) in "key" directive

=== TEST 2: a profile in a server
--- config
CASE
--- conf_cases
# an unknown profile in a server, none defined
token_auth q;
=> unknown token_profile "q" in "token_auth" directive
# a profile in a server
token_profile p { format scalesimple; key file=key; }
=> "token_profile" directive is not allowed here

=== TEST 3: the words of a profile
--- http_config
token_profile p { CASE }
--- user_files
>>> ../conf/key
key-one
>>> ../conf/a.conf
key text=secret;
--- conf_cases
# a word that another scheme has
format scalesimple; key file=key; algorithm md5;
=> token_profile "p" has an "algorithm", format "scalesimple" takes none
# no format
key file=key;
=> token_profile "p" has no "format"
# no key
format scalesimple;
=> token_profile "p" has no "key"
# an unknown scheme
format akamai2; key file=key;
=> unknown format "akamai2" in "format" directive, it must be "scalesimple", *
# a scheme's name is lower case
format ScaleSimple; key file=key;
=> unknown format "ScaleSimple" in "format" directive, it must be "scalesimple", *
# `open` has no key
format open; key file=key;
=> token_profile "p" has a "key", format "open" takes none
# nor places for a token
format open; from query;
=> token_profile "p" has a "from", format "open" takes none
# two formats
format scalesimple; format scalesimple; key file=key;
=> "format" directive is duplicate
# format without a word
format; key file=key;
=> invalid number of arguments in "format" directive
# format with two words
format scalesimple secure_link; key file=key;
=> invalid number of arguments in "format" directive
# include in a profile takes one argument: none
format scalesimple; include;
=> invalid number of arguments in "include" directive
# include in a profile takes one argument: two
format scalesimple; include a.conf b.conf;
=> invalid number of arguments in "include" directive

=== TEST 4: more words of a profile
--- http_config
token_profile p { format scalesimple; key file=key; CASE }
--- user_files
>>> ../conf/key
key-one
--- conf_cases
# an unknown word in the block
expire 10s;
=> unknown directive "expire" in token_profile, it must be "format", "key", "from", "message", "algorithm", "encoding", "jwks", "issuer", "audience", "require", "leeway", "lifetime", "uri_prefix", "origin", "salt", "escape_early", "bind_ip", "require_exp", "issue_cookie", "limit" or "close_websocket"
# a directive of nginx's in the block
root html;
=> unknown directive "root" in token_profile, it must be "format", "key", "from", "message", "algorithm", "encoding", "jwks", "issuer", "audience", "require", "leeway", "lifetime", "uri_prefix", "origin", "salt", "escape_early", "bind_ip", "require_exp", "issue_cookie", "limit" or "close_websocket"
# a block in the block
from { query; }
=> unexpected "{"
# an unknown place
from query body;
=> unknown place "body" in "from" directive, it must be "query", "cookie", "header" or "path"
# a place twice
from query query;
=> duplicate parameter "query" in "from" directive
# no place
from;
=> invalid number of arguments in "from" directive
# two `from` lines
from query; from cookie;
=> "from" directive is duplicate
# a place with an empty name
from query=;
=> invalid names "query=" in "from" directive
# a place with three names
from query=a,b,c;
=> invalid names "query=a,b,c" in "from" directive
# a place with one name for both
from query=a,a;
=> invalid names "query=a,a" in "from" directive
# a name that is none
from "cookie=a b";
=> invalid names "cookie=a b" in "from" directive
# path takes no name
from path=x;
=> unknown place "path=x" in "from" directive, it must be "query", "cookie", "header" or "path"
# a leeway that is no time
leeway soon;
=> invalid value "soon" in "leeway" directive
# a negative leeway
leeway -1s;
=> invalid value "-1s" in "leeway" directive
# a leeway of a part of a second
leeway 1500ms;
=> invalid value "1500ms" in "leeway" directive
# two leeways
leeway 1s; leeway 2s;
=> "leeway" directive is duplicate
# require_exp off, where tokens always expire
require_exp off;
=> token_profile "p" has "require_exp off", format "scalesimple" always expires
# bind_ip, where the token carries no address
bind_ip exact;
=> token_profile "p" has "bind_ip", format "scalesimple" carries no address
# a message for a scheme that has its own
message "{expires}$uri {key}";
=> token_profile "p" has a "message", format "scalesimple" takes none
# a message that the scheme does not have is not doubted
message fixed;
=> token_profile "p" has a "message", format "scalesimple" takes none

=== TEST 5: the key of a profile
--- http_config
token_profile p { format scalesimple; CASE }
--- user_files
>>> ../conf/key
key-one
>>> ../conf/no.key
SECRET!!
>>> ../conf/empty.key
>>> ../conf/newline.key

>>> ../conf/dir/file
--- conf_cases
# a missing key file
key file=none;
=> cannot load key file "*/conf/none" (2: No such file or directory) in "key" directive
# a key file that cannot be read
key file=dir;
=> cannot load key file "*/conf/dir" (not a regular file) in "key" directive
# an empty key file
key file=empty.key;
=> key file "*/conf/empty.key" is empty in "key" directive
# a key file with a newline only
key file=newline.key;
=> key file "*/conf/newline.key" is empty in "key" directive
# an empty key in the configuration
key text=;
=> [warn] a key is written in the configuration, use "file="
=> key is empty in "key" directive
# a key without a file
key id=1;
=> "key" must have "file" or "table" parameter
# a key line of one word
key;
=> "key" must have "file" or "table" parameter
# an unknown word of a key
key path=key;
=> invalid parameter "path=key" in "key" directive, it takes [id=ID] (file=PATH [reload=time] | table=TABLE name=NAME) [encoding=text|hex|base64|base64url|pem|jwks]
# a key's file twice
key file=key file=key;
=> duplicate parameter "file" in "key" directive
# a key as file and as text
key file=key text=x;
=> duplicate parameter "text" in "key" directive
# a key's id twice
key file=key id=a id=a;
=> duplicate parameter "id" in "key" directive
# an empty id
key file=key id=;
=> invalid parameter "id=" in "key" directive, it takes [id=ID] (file=PATH [reload=time] | table=TABLE name=NAME) [encoding=text|hex|base64|base64url|pem|jwks]
# two keys of one id
key id=a file=key; key id=a file=key;
=> duplicate key id "a" in "key" directive
# an unknown encoding
key file=key encoding=rot13;
=> unknown encoding "rot13" in "key" directive, it must be "text", "hex", "base64", "base64url", "pem" or "jwks"
# a key that is not of its encoding, hex
key file=key encoding=hex;
=> key file "*/conf/key" is not hex in "key" directive
# a key that is not of its encoding, base64
key file=no.key encoding=base64;
=> key file "*/conf/no.key" is not base64 in "key" directive
# a key file without a name
key file=;
=> invalid parameter "file=" in "key" directive, it takes [id=ID] (file=PATH [reload=time] | table=TABLE name=NAME) [encoding=text|hex|base64|base64url|pem|jwks]
# two files of one key, neither there
key file=A file=B;
=> duplicate parameter "file" in "key" directive

=== TEST 6: a profile with a message
--- http_config
token_profile p { format secure_link; key file=key; CASE }
--- user_files
>>> ../conf/key
key-one
--- conf_cases
# require_exp is on or off
message "{expires}$uri {key}"; require_exp yes;
=> invalid value "yes" in "require_exp" directive, it must be "on" or "off"
# require_exp on, where the message has no expiry
message "$uri {key}"; require_exp on;
=> token_profile "p" has "require_exp on", but no "{expires}" in its "message"
# no message for a scheme that is one

=> token_profile "p" has no "message", format "secure_link" needs one
# an empty message
message "";
=> "message" directive is empty
# two messages
message "{expires}$uri {key}"; message "{expires}$uri {key}";
=> "message" directive is duplicate
# a slip in a message
message "{expire}$uri {key}";
=> unknown "{expire}" in "message" directive, it must be "{key}" or "{expires}"
# an unknown variable in a message
message "$no_such_variable_x {key}";
=> [warn] "message" has no "{expires}": a link never expires
=> unknown "no_such_variable_x" variable @ -
# a message that nginx refuses: said once
message "${uri {key}";
=> the closing bracket in "uri" variable is missing
# a message twice is not doubted
message fixed; message fixed;
=> "message" directive is duplicate

=== TEST 7: statuses and switches of a location
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
location / { token_auth p; CASE return 200; }
--- user_files
>>> ../conf/key
key-one
--- conf_cases
# a status: below 400
token_auth_status expired=399;
=> invalid value "399" in "token_auth_status" directive, it must be between 400 and 599, and neither 408 nor 499
# a status: above 599
token_auth_status expired=600;
=> invalid value "600" in "token_auth_status" directive, it must be between 400 and 599, and neither 408 nor 499
# a status: 408
token_auth_status expired=408;
=> invalid value "408" in "token_auth_status" directive, it must be between 400 and 599, and neither 408 nor 499
# a status: 499
token_auth_status expired=499;
=> invalid value "499" in "token_auth_status" directive, it must be between 400 and 599, and neither 408 nor 499
# a status: 200
token_auth_status expired=200;
=> invalid value "200" in "token_auth_status" directive, it must be between 400 and 599, and neither 408 nor 499
# a status: 302
token_auth_status expired=302;
=> invalid value "302" in "token_auth_status" directive, it must be between 400 and 599, and neither 408 nor 499
# a status: a word
token_auth_status expired=no;
=> invalid value "no" in "token_auth_status" directive, it must be between 400 and 599, and neither 408 nor 499
# a status: a sign
token_auth_status expired=+403;
=> invalid value "+403" in "token_auth_status" directive, it must be between 400 and 599, and neither 408 nor 499
# a status: nothing
token_auth_status expired=;
=> invalid value "" in "token_auth_status" directive, it must be between 400 and 599, and neither 408 nor 499
# a status of an unknown reason
token_auth_status late=403;
=> unknown reason "late" in "token_auth_status" directive, it must be "default", "missing", "malformed", "invalid", "expired", "not_yet_valid", "wrong_ip", "wrong_path", "revoked", "forbidden" or "limited"
# a status of `ok`
token_auth_status ok=403;
=> unknown reason "ok" in "token_auth_status" directive, it must be "default", "missing", "malformed", "invalid", "expired", "not_yet_valid", "wrong_ip", "wrong_path", "revoked", "forbidden" or "limited"
# a status twice
token_auth_status expired=403 expired=410;
=> duplicate parameter "expired" in "token_auth_status" directive
# a status without a reason
token_auth_status 403;
=> invalid parameter "403" in "token_auth_status" directive
# no status
token_auth_status;
=> invalid number of arguments in "token_auth_status" directive
# token_auth twice
token_auth p;
=> "token_auth" directive is duplicate
# token_auth_status twice
token_auth_status default=403; token_auth_status default=403;
=> "token_auth_status" directive is duplicate
# token_auth_strip twice
token_auth_strip on; token_auth_strip on;
=> "token_auth_strip" directive is duplicate
# token_auth_dry_run is on or off
token_auth_dry_run maybe;
=> invalid value "maybe" in "token_auth_dry_run" directive, it must be "on" or "off"
# token_auth_strip is on or off
token_auth_strip yes;
=> invalid value "yes" in "token_auth_strip" directive, it must be "on" or "off"
# an unknown level
token_auth_log_level debug;
=> invalid value "debug" in "token_auth_log_level" directive, it must be "info", "notice", "warn" or "error"

=== TEST 8: token_auth in a location
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
location / { CASE }
--- user_files
>>> ../conf/key
key-one
--- conf_cases
# an unknown profile in a location
token_auth q;
=> unknown token_profile "q" in "token_auth" directive
# token_auth with two words
token_auth p q;
=> invalid number of arguments in "token_auth" directive
# token_auth in an `if`
if ($arg_a) { token_auth p; }
=> "token_auth" directive is not allowed here

=== TEST 9: everything that is right is accepted
--- http_config
token_profile a {
    format      scalesimple;
    key         id=2026a file=key;
    key         id=2026b file=$TEST_NGINX_SERVROOT/conf/key encoding=text;
    key         file=hex.key encoding=hex;
    from        query=st,se cookie=sc header path;
    leeway      90s;
    require_exp on;
    bind_ip     off;
}
token_profile "b c" {
    format  secure_link;
    key     file=b64.key encoding=base64;
    key     file=b64u.key encoding=base64url;
    message "{expires}$uri$remote_addr {key}";
    leeway  1h30m;
}
token_auth a;
token_auth_dry_run on;
token_auth_status default=451 missing=401 malformed=400 invalid=403 expired=410 not_yet_valid=425 wrong_ip=403 wrong_path=404 revoked=599 forbidden=444 limited=429;
token_auth_strip off;
token_auth_log_level info;
--- config
token_auth off;
location / { token_auth "b c"; token_auth_strip on; return 200; }
location /v { token_auth $arg_profile; return 200; }
--- user_files
>>> ../conf/key
key-one
>>> ../conf/hex.key
0aFF
>>> ../conf/b64.key
+/+/
>>> ../conf/b64u.key
-_-_
--- config_ok
--- no_error_log
[warn]

=== TEST 10: a profile may stand after its use and in an included file, and include others
--- http_config
token_auth late;
server { listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1; token_auth later; }
include profiles/*.conf;
--- config
location / { token_auth late; return 200; }
--- user_files
>>> ../conf/key
key-one
>>> ../conf/profiles/1.conf
token_profile late { include profiles/common.inc; key file=key; }
>>> ../conf/profiles/2.conf
token_profile later { format secure_link; key file=key; include profiles/message.inc; }
>>> ../conf/profiles/common.inc
format scalesimple;
from header;
>>> ../conf/profiles/message.inc
message "$uri {expires}{key}";
--- config_ok
--- no_error_log
[warn]

=== TEST 11: a key in the configuration works, with a warning that names its line
--- http_config
token_profile p {
    format scalesimple;
    key text=key-one;
}
--- config
location / { token_auth p; root html; }
--- user_files
>>> v
shown
--- request
GET /v?ss_token=89ebef16f7b05ed3aff1d6e7c8d7dd39&ss_expiration=4000000000
--- response_body
shown
--- error_log eval
qr{\[warn\] .*a key is written in the configuration, use "file=" in \S+/conf/nginx\.conf:[1-9]\d*}
--- no_error_log
key-one

=== TEST 12: no key, no part of a key is in any refusal
--- http_config
token_profile p {
    format scalesimple;
    key file=key encoding=base64;
}
--- config
location / { return 200; }
--- log_level: debug
--- user_files
>>> ../conf/key
VERY-SECRET!
--- must_die
--- error_log
is not base64 in "key" directive
--- no_error_log
VERY-SECRET

=== TEST 13: a profile with a MAC
--- http_config
token_profile p { format hmac; key file=key; CASE }
--- user_files
>>> ../conf/key
key-one
--- conf_cases
# no message
algorithm md5;
=> token_profile "p" has no "message", format "hmac" needs one
# an unknown algorithm
message "{expires}$uri"; algorithm crc32;
=> unknown algorithm "crc32" in "algorithm" directive, it must be "md5", "sha1", "sha256", "sha384", "sha512", "ed25519", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512" or "EdDSA"
# an unknown encoding
message "{expires}$uri"; encoding text;
=> unknown encoding "text" in "encoding" directive, it must be "hex", "base64" or "base64url"
# two algorithms
message "{expires}$uri"; algorithm md5; algorithm sha1;
=> "algorithm" directive is duplicate
# a time of signing without a lifetime
message "{timestamp}$uri";
=> token_profile "p" has "{timestamp}", but no "{lifetime}" in its "message"
# a lifetime without a name
message "{timestamp}|{lifetime}|$uri";
=> token_profile "p" has "{lifetime}" in its "message", but no three names in "from", such as "query=token,timestamp,lifetime"
# values that touch
message "{timestamp}{lifetime}$uri"; from query=a,b,c;
=> two values stand side by side in "message" directive: without a character between them digits could be moved from one to the other
# a name without a lifetime
message "{expires}$uri"; from query=a,b,c;
=> token_profile "p" has three names in "from", but no "{lifetime}" in its "message"
# a path that cannot carry the token
message "{expires}$uri"; encoding base64; from query path;
=> token_profile "p" has "from path", but a token with "encoding base64" may have a "/", which ends it in a path: use "base64url"
# an expiry beside a lifetime
message "{expires}{lifetime}$uri"; from query=a,b,c;
=> unknown "{lifetime}" in "message" directive, it must be "{key}" or "{expires}"

=== TEST 14: profiles of CDNs
--- http_config
token_profile p { CASE }
--- user_files
>>> ../conf/key
6b6579
--- conf_cases
# a hash that a scheme has not
format edgeauth; key file=key; algorithm sha512;
=> token_profile "p" has an "algorithm" that "edgeauth" has not, it must be "md5", "sha1" or "sha256"
# a signature where a MAC is meant
format edgeauth; key file=key; algorithm ed25519;
=> token_profile "p" has an "algorithm" that "edgeauth" has not, it must be "md5", "sha1" or "sha256"
# tokens with slashes in them stand in no path
format edgeauth; key file=key; from path;
=> invalid place "path" in "from" directive, format "edgeauth" has no tokens in a path
# nothing but on and off
format edgeauth; key file=key; escape_early yes;
=> invalid value "yes" in "escape_early" directive, it must be "on" or "off"
# such tokens expire
format edgeauth; key file=key; require_exp off;
=> token_profile "p" has "require_exp off", format "edgeauth" always expires
# a lifetime that is no time
format cloudflare; key file=key; lifetime soon;
=> invalid value "soon" in "lifetime" directive
# a spelling that a scheme has not
format cloudflare; key file=key; encoding hex;
=> token_profile "p" has an "encoding" that "cloudflare" has not, it must be "base64" or "base64url"
# a word of others
format fastly; key file=key encoding=hex; salt pepper;
=> token_profile "p" has a "salt", format "fastly" takes none
# which hash, lighttpd asks as well
format secdownload; key file=key;
=> token_profile "p" has no "algorithm", format "secdownload" needs one
# what stands in front of a token is a folder
format secdownload; key file=key; algorithm sha1; uri_prefix /dl;
=> invalid value "/dl" in "uri_prefix" directive, it must begin and end with "/"
# URLs begin with something
format gcp_cdn; key file=key encoding=text; origin "";
=> "origin" directive is empty
# URLs begin with a scheme
format cat; key file=key encoding=text; origin cdn.test;
=> invalid value "cdn.test" in "origin" directive, it must be scheme and host, as "https://media.example.com"
# a host that a variable ends
format gcp_cdn; key file=key encoding=text; origin cdn.$host;
=> invalid value "cdn.$host" in "origin" directive, it must be scheme and host, as "https://media.example.com"
# a slash that is that of the path
format cloudfront; key id=a file=key; origin https://cdn.test/;
=> invalid value "https://cdn.test/" in "origin" directive, it must be scheme and host, as "https://media.example.com"
# a scheme without a host
format cat; key file=key; origin https://;
=> invalid value "https://" in "origin" directive, it must be scheme and host, as "https://media.example.com"
# what a variable may say
format gcp_cdn; key file=key encoding=text; origin $host;
=> ok
# a public key of another kind
format gcp_media; key file=key encoding=hex; algorithm ed25519;
=> token_profile "p" has a bad key: key is no key of RSA, ECDSA (P-256, P-384, P-521) or Ed25519
# no name for a key
format cloudfront; key file=key;
=> token_profile "p" has a "key" without "id", its Key-Pair-Id
# no public key
format cloudfront; key id=a file=key;
=> token_profile "p" has a bad key: key holds no key in PEM

=== TEST 15: what is found out at the end of a block names the line it is about
--- http_config
include p.conf;
--- user_files
>>> ../conf/p.conf
token_profile p {
    format secure_link;
    message "$uri";
    key file=key;
}
>>> ../conf/key
key-one-of-sixteen-bytes
--- config_ok
--- error_log eval
qr{\[warn\] .*"message" has no "\{key\}".* in \S+/conf/p\.conf:3}

=== TEST 16: a key of nothing but NUL and white space is none, however it is spelled
--- http_config
token_profile p { format edgeauth; CASE }
--- user_files eval
">>> ../conf/nul.key\n\0\0\0\0\n>>> ../conf/blank.key\n \t \n>>> ../conf/zeros.key\n00000000\n>>> ../conf/nearly.key\n0000000100000000\n"
--- conf_cases
# a file that was made and never written
key file=nul.key encoding=text;
=> key file "*/conf/nul.key" is nothing but NUL or white space in "key" directive
# the same, whatever the format expects
key file=nul.key;
=> key file "*/conf/nul.key" is nothing but NUL or white space in "key" directive
# blanks
key file=blank.key encoding=text;
=> key file "*/conf/blank.key" is nothing but NUL or white space in "key" directive
# digits that spell it
key file=zeros.key encoding=hex;
=> key file "*/conf/zeros.key" is nothing but NUL or white space in "key" directive
# the same, as the format spells keys
key file=zeros.key;
=> token_profile "p" has a bad key: key file "*/conf/zeros.key" is nothing but NUL or white space
# one byte is another
key file=nearly.key;
=> ok
