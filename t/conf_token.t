# What the token directives refuse while nginx reads its configuration, and what they accept.
use Test::Nginx::Socket 'no_plan';

our $Key = ">>> ../conf/key\nkey-one\n";

run_tests();

__DATA__

=== TEST 1: an unknown profile in a location
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
location / { token_auth q; return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown token_profile "q" in "token_auth" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 2: an unknown profile in http
--- http_config
token_auth q;
--- config
location / { return 200; }
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown token_profile "q" in "token_auth" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 3: an unknown profile in a server, none defined
--- http_config

--- config
token_auth q;
location / { return 200; }
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown token_profile "q" in "token_auth" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 4: an unknown profile is found at the end, its line is where it was named
--- http_config
include extra.conf;
--- config
location / { return 200; }
--- user_files
>>> ../conf/extra.conf

server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    location / {
        token_auth nobody;
    }
}
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown token_profile "nobody" in "token_auth" directive in \S+/conf/extra\.conf:5}

=== TEST 5: the same profile twice
--- http_config
token_profile p { format scalesimple; key file=key; }
token_profile p { format scalesimple; key file=key; }
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*duplicate token_profile "p" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 6: `off` is no name
--- http_config
token_profile off { format scalesimple; key file=key; }
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid token_profile name "off" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 7: a name with a variable
--- http_config
token_profile $p { format scalesimple; key file=key; }
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid token_profile name "\$p" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 8: an empty name
--- http_config
token_profile "" { format scalesimple; key file=key; }
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid token_profile name "" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 9: a profile without a name
--- http_config
token_profile { format scalesimple; key file=key; }
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid number of arguments in "token_profile" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 10: a profile without a block
--- http_config
token_profile p;
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*directive "token_profile" has no opening "\{" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 11: a profile in a server
--- http_config

--- config
token_profile p { format scalesimple; key file=key; }
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*"token_profile" directive is not allowed here in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 12: a profile that is never closed
--- http_config
token_profile p { format scalesimple;
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*unexpected "\{" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 13: no format
--- http_config
token_profile p {
    key file=key;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*token_profile "p" has no "format" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 14: no key
--- http_config
token_profile p {
    format scalesimple;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*token_profile "p" has no "key" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 15: an unknown scheme
--- http_config
token_profile p {
    format akamai2;
    key file=key;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown format "akamai2" in "format" directive, it must be "scalesimple" or "secure_link" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 16: a scheme's name is lower case
--- http_config
token_profile p {
    format ScaleSimple;
    key file=key;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown format "ScaleSimple" in "format" directive, it must be "scalesimple" or "secure_link" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 17: two formats
--- http_config
token_profile p {
    format scalesimple;
    format scalesimple;
    key file=key;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*"format" directive is duplicate in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 18: format without a word
--- http_config
token_profile p {
    format;
    key file=key;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid number of arguments in "format" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 19: format with two words
--- http_config
token_profile p {
    format scalesimple secure_link;
    key file=key;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid number of arguments in "format" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 20: an unknown word in the block
--- http_config
token_profile p {
    format scalesimple;
    key file=key;
    expire 10s;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown directive "expire" in token_profile in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 21: a directive of nginx's in the block
--- http_config
token_profile p {
    format scalesimple;
    key file=key;
    root html;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown directive "root" in token_profile in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 22: a block in the block
--- http_config
token_profile p {
    format scalesimple;
    key file=key;
    from { query; }
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*unexpected "\{" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 23: a profile that is never closed, at the end of its file
--- http_config
include p.conf;
--- config
location / { return 200; }
--- user_files
>>> ../conf/p.conf
token_profile p { format scalesimple;
--- must_die
--- error_log eval
qr{\[emerg\] .*unexpected end of file, expecting "\}" in \S+/conf/p\.conf:2}

=== TEST 24: a missing key file
--- http_config
token_profile p {
    format scalesimple;
    key file=none;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*cannot load key file "\S+/conf/none" \(2: No such file or directory\) in "key" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 25: a key file that cannot be read
--- http_config
token_profile p {
    format scalesimple;
    key file=dir;
}
--- config
location / { return 200; }
--- user_files eval
[["../conf/dir/x", "x"]]
--- must_die
--- error_log eval
qr{\[emerg\] .*cannot load key file "\S+/conf/dir" \(not a regular file\) in "key" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 26: an empty key file
--- http_config
token_profile p {
    format scalesimple;
    key file=key;
}
--- config
location / { return 200; }
--- user_files eval
[["../conf/key", ""]]
--- must_die
--- error_log eval
qr{\[emerg\] .*key file "\S+" is empty in "key" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 27: a key file with a newline only
--- http_config
token_profile p {
    format scalesimple;
    key file=key;
}
--- config
location / { return 200; }
--- user_files eval
[["../conf/key", "\n"]]
--- must_die
--- error_log eval
qr{\[emerg\] .*key file "\S+" is empty in "key" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 28: an empty key in the configuration
--- http_config
token_profile p {
    format scalesimple;
    key text=;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*key is empty in "key" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 29: a key without a file
--- http_config
token_profile p {
    format scalesimple;
    key id=1;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*"key" must have "file" parameter in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 30: a key line of one word
--- http_config
token_profile p {
    format scalesimple;
    key;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*"key" must have "file" parameter in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 31: an unknown word of a key
--- http_config
token_profile p {
    format scalesimple;
    key path=key;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid parameter "path=key" in "key" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 32: a key's file twice
--- http_config
token_profile p {
    format scalesimple;
    key file=key file=key;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*duplicate parameter "file" in "key" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 33: a key as file and as text
--- http_config
token_profile p {
    format scalesimple;
    key file=key text=x;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*duplicate parameter "text" in "key" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 34: a key's id twice
--- http_config
token_profile p {
    format scalesimple;
    key file=key id=a id=a;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*duplicate parameter "id" in "key" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 35: an empty id
--- http_config
token_profile p {
    format scalesimple;
    key file=key id=;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid parameter "id=" in "key" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 36: two keys of one id
--- http_config
token_profile p {
    format scalesimple;
    key id=a file=key;
    key id=a file=key;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*duplicate key id "a" in "key" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 37: an unknown encoding
--- http_config
token_profile p {
    format scalesimple;
    key file=key encoding=rot13;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown encoding "rot13" in "key" directive, it must be "text", "hex", "base64" or "base64url" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 38: a key that is not of its encoding, hex
--- http_config
token_profile p {
    format scalesimple;
    key file=key encoding=hex;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*key file "\S+" is not hex in "key" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 39: a key that is not of its encoding, base64
--- http_config
token_profile p {
    format scalesimple;
    key file=key encoding=base64;
}
--- config
location / { return 200; }
--- user_files eval
[["../conf/key", "SECRET!!"]]
--- must_die
--- error_log eval
qr{\[emerg\] .*key file "\S+" is not base64 in "key" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 40: an unknown place
--- http_config
token_profile p {
    format scalesimple;
    key file=key;
    from query body;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown place "body" in "from" directive, it must be "query", "cookie", "header" or "path" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 41: a place twice
--- http_config
token_profile p {
    format scalesimple;
    key file=key;
    from query query;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*duplicate parameter "query" in "from" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 42: no place
--- http_config
token_profile p {
    format scalesimple;
    key file=key;
    from;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid number of arguments in "from" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 43: two `from` lines
--- http_config
token_profile p {
    format scalesimple;
    key file=key;
    from query;
    from cookie;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*"from" directive is duplicate in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 44: a place with an empty name
--- http_config
token_profile p {
    format scalesimple;
    key file=key;
    from query=;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid names "query=" in "from" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 45: a place with three names
--- http_config
token_profile p {
    format scalesimple;
    key file=key;
    from query=a,b,c;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid names "query=a,b,c" in "from" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 46: a place with one name for both
--- http_config
token_profile p {
    format scalesimple;
    key file=key;
    from query=a,a;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid names "query=a,a" in "from" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 47: a name that is none
--- http_config
token_profile p {
    format scalesimple;
    key file=key;
    from "cookie=a b";
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid names "cookie=a b" in "from" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 48: path takes no name
--- http_config
token_profile p {
    format scalesimple;
    key file=key;
    from path=x;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown place "path=x" in "from" directive, it must be "query", "cookie", "header" or "path" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 49: a leeway that is no time
--- http_config
token_profile p {
    format scalesimple;
    key file=key;
    leeway soon;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "soon" in "leeway" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 50: a negative leeway
--- http_config
token_profile p {
    format scalesimple;
    key file=key;
    leeway -1s;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "-1s" in "leeway" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 51: a leeway of a part of a second
--- http_config
token_profile p {
    format scalesimple;
    key file=key;
    leeway 1500ms;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "1500ms" in "leeway" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 52: two leeways
--- http_config
token_profile p {
    format scalesimple;
    key file=key;
    leeway 1s;
    leeway 2s;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*"leeway" directive is duplicate in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 53: require_exp is on or off
--- http_config
token_profile p {
    format secure_link;
    key file=key;
    message "{expires}$uri {key}";
    require_exp yes;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "yes" in "require_exp" directive, it must be "on" or "off" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 54: require_exp off, where tokens always expire
--- http_config
token_profile p {
    format scalesimple;
    key file=key;
    require_exp off;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*token_profile "p" has "require_exp off", format "scalesimple" always expires in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 55: require_exp on, where the message has no expiry
--- http_config
token_profile p {
    format secure_link;
    key file=key;
    message "$uri {key}";
    require_exp on;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*token_profile "p" has "require_exp on", but no "\{expires\}" in its "message" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 56: bind_ip, where the token carries no address
--- http_config
token_profile p {
    format scalesimple;
    key file=key;
    bind_ip exact;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*token_profile "p" has "bind_ip", format "scalesimple" carries no address in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 57: a message for a scheme that has its own
--- http_config
token_profile p {
    format scalesimple;
    key file=key;
    message "{expires}$uri {key}";
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*token_profile "p" has a "message", format "scalesimple" takes none in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 58: no message for a scheme that is one
--- http_config
token_profile p {
    format secure_link;
    key file=key;
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*token_profile "p" has no "message", format "secure_link" needs one in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 59: an empty message
--- http_config
token_profile p {
    format secure_link;
    key file=key;
    message "";
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*"message" directive is empty in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 60: two messages
--- http_config
token_profile p {
    format secure_link;
    key file=key;
    message "{expires}$uri {key}";
    message "{expires}$uri {key}";
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*"message" directive is duplicate in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 61: a slip in a message
--- http_config
token_profile p {
    format secure_link;
    key file=key;
    message "{expire}$uri {key}";
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown "\{expire\}" in "message" directive, it must be "\{key\}" or "\{expires\}" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 62: an unknown variable in a message
--- http_config
token_profile p {
    format secure_link;
    key file=key;
    message "$no_such_variable_x {key}";
}
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown "no_such_variable_x" variable}

=== TEST 63: a status: below 400
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
location / { token_auth p; token_auth_status expired=399; return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "399" in "token_auth_status" directive, it must be between 400 and 599, and neither 408 nor 499 in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 64: a status: above 599
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
location / { token_auth p; token_auth_status expired=600; return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "600" in "token_auth_status" directive, it must be between 400 and 599, and neither 408 nor 499 in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 65: a status: 408
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
location / { token_auth p; token_auth_status expired=408; return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "408" in "token_auth_status" directive, it must be between 400 and 599, and neither 408 nor 499 in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 66: a status: 499
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
location / { token_auth p; token_auth_status expired=499; return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "499" in "token_auth_status" directive, it must be between 400 and 599, and neither 408 nor 499 in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 67: a status: 200
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
location / { token_auth p; token_auth_status expired=200; return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "200" in "token_auth_status" directive, it must be between 400 and 599, and neither 408 nor 499 in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 68: a status: 302
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
location / { token_auth p; token_auth_status expired=302; return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "302" in "token_auth_status" directive, it must be between 400 and 599, and neither 408 nor 499 in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 69: a status: a word
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
location / { token_auth p; token_auth_status expired=no; return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "no" in "token_auth_status" directive, it must be between 400 and 599, and neither 408 nor 499 in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 70: a status: a sign
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
location / { token_auth p; token_auth_status expired=+403; return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "[+]403" in "token_auth_status" directive, it must be between 400 and 599, and neither 408 nor 499 in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 71: a status: nothing
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
location / { token_auth p; token_auth_status expired=; return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "" in "token_auth_status" directive, it must be between 400 and 599, and neither 408 nor 499 in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 72: a status of an unknown reason
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
location / { token_auth p; token_auth_status late=403; return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown reason "late" in "token_auth_status" directive, it must be "default", "missing", .* or "limited" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 73: a status of `ok`
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
location / { token_auth p; token_auth_status ok=403; return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown reason "ok" in "token_auth_status" directive, it must be "default", "missing", .* or "limited" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 74: a status twice
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
location / { token_auth p; token_auth_status expired=403 expired=410; return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*duplicate parameter "expired" in "token_auth_status" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 75: a status without a reason
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
location / { token_auth p; token_auth_status 403; return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid parameter "403" in "token_auth_status" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 76: no status
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
location / { token_auth p; token_auth_status; return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid number of arguments in "token_auth_status" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 77: token_auth twice
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
location / { token_auth p; token_auth p; return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*"token_auth" directive is duplicate in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 78: token_auth_status twice
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
location / { token_auth p; token_auth_status default=403; token_auth_status default=403; return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*"token_auth_status" directive is duplicate in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 79: token_auth_strip twice
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
location / { token_auth p; token_auth_strip on; token_auth_strip on; return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*"token_auth_strip" directive is duplicate in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 80: token_auth_dry_run is on or off
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
location / { token_auth p; token_auth_dry_run maybe; return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "maybe" in "token_auth_dry_run" directive, it must be "on" or "off" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 81: token_auth_strip is on or off
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
location / { token_auth p; token_auth_strip yes; return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "yes" in "token_auth_strip" directive, it must be "on" or "off" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 82: an unknown level
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
location / { token_auth p; token_auth_log_level debug; return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid value "debug" in "token_auth_log_level" directive, it must be "info", "notice", "warn" or "error" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 83: token_auth with two words
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
location / { token_auth p q; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid number of arguments in "token_auth" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 84: token_auth in an `if`
--- http_config
token_profile p { format scalesimple; key file=key; }
--- config
location / { if ($arg_a) { token_auth p; } }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*"token_auth" directive is not allowed here in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 85: token_auth in an upstream
--- http_config
upstream u { token_auth off; server 127.0.0.1:1; }
--- config
location / { return 200; }
--- must_die
--- error_log eval
qr{\[emerg\] .*"token_auth" directive is not allowed here in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 86: everything that is right is accepted
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

=== TEST 87: a profile may stand after its use and in an included file, and include others
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
message "$uri{expires}{key}";
--- config_ok
--- no_error_log
[warn]

=== TEST 88: an error inside an include inside a profile names that file
--- http_config
token_profile p { include common.inc; key file=key; }
--- config
location / { return 200; }
--- user_files
>>> ../conf/key
key-one
>>> ../conf/common.inc

format nothing;
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown format "nothing" in "format" directive, it must be "scalesimple" or "secure_link" in \S+/conf/common\.inc:2}

=== TEST 89: a missing include inside a profile
--- http_config
token_profile p { include none.inc; key file=key; }
--- config
location / { return 200; }
--- user_files eval
$::Key
--- must_die
--- error_log eval
qr{\[emerg\] .*open\(\) "\S+/conf/none\.inc" failed}

=== TEST 90: a profile that nothing uses is checked all the same
--- http_config
token_profile p { format scalesimple; key file=none; }
--- config
location / { return 200; }
--- must_die
--- error_log
cannot load key file

=== TEST 91: a key in the configuration works, with a warning that names its line
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

=== TEST 92: no key, no part of a key is in any refusal
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

=== TEST 93: include in a profile takes one argument: none
--- http_config
token_profile p {
    format scalesimple;
    include;
}
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid number of arguments in "include" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 94: include in a profile takes one argument: two
--- http_config
token_profile p {
    format scalesimple;
    include a.conf b.conf;
}
--- user_files
>>> ../conf/a.conf
key text=secret;
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid number of arguments in "include" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 95: a key file without a name
--- http_config
token_profile p { format secure_link; key file=; }
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid parameter "file=" in "key" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 96: two files of one key, neither there
--- http_config
token_profile p { format secure_link; key file=A file=B; }
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*duplicate parameter "file" in "key" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 97: a message that nginx refuses: said once
--- http_config
token_profile p { format secure_link; key text=k; message "${uri {key}"; }
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*the closing bracket in "uri" variable is missing in \S+/conf/nginx\.conf:[1-9]\d*}
--- no_error_log
directive failed

=== TEST 98: a message that the scheme does not have is not doubted
--- http_config
token_profile p { format scalesimple; key text=k; message fixed; }
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*token_profile "p" .*"message".* in \S+/conf/nginx\.conf:[1-9]\d*}
--- no_error_log
has no variable

=== TEST 99: a message twice is not doubted
--- http_config
token_profile p { format secure_link; key text=k; message fixed; message fixed; }
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*"message" directive is duplicate in \S+/conf/nginx\.conf:[1-9]\d*}
--- no_error_log
has no variable
