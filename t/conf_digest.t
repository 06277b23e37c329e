# What `md5_hash` and `digest` refuse while nginx reads its configuration.
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== TEST 1: md5_hash and digest
--- http_config
CASE
--- user_files
>>> ../conf/key
key
>>> ../conf/dir/file
x
>>> ../conf/empty.key
>>> ../conf/newline.key

>>> ../conf/extra.conf
md5_hash $fine "x";

digest $a
    md4
    "x";
--- conf_cases
# an unknown algorithm
digest $a md4 "x";
=> unknown algorithm "md4" in "digest" directive, it must be "md5", "sha1", "sha256", "sha384", "sha512" or "crc32"
# an algorithm's name is lower case
digest $a MD5 "x";
=> unknown algorithm "MD5" in "digest" directive, it must be "md5", "sha1", "sha256", "sha384", "sha512" or "crc32"
# an empty algorithm
digest $a "" "x";
=> unknown algorithm "" in "digest" directive, it must be "md5", "sha1", "sha256", "sha384", "sha512" or "crc32"
# an unknown encoding
digest $a md5 "x" encoding=base32;
=> unknown encoding "base32" in "digest" directive, it must be "hex", "base64" or "base64url"
# an empty encoding
digest $a md5 "x" encoding=;
=> unknown encoding "" in "digest" directive, it must be "hex", "base64" or "base64url"
# an unknown parameter
digest $a md5 "x" salt=y;
=> invalid parameter "salt=y" in "digest" directive
# a parameter without a value
digest $a md5 "x" base64;
=> invalid parameter "base64" in "digest" directive
# `encoding` twice
digest $a md5 "x" encoding=hex encoding=hex;
=> duplicate parameter "encoding" in "digest" directive
# `key_file` twice
digest $a md5 "x" key_file=key key_file=key;
=> duplicate parameter "key_file" in "digest" directive
# a missing key file
digest $a md5 "x" key_file=none;
=> cannot load key file "*/conf/none" (2: No such file or directory) in "digest" directive
# a key file that cannot be read
digest $a md5 "x" key_file=dir;
=> cannot load key file "*/conf/dir" (not a regular file) in "digest" directive
# a key file's name is empty
digest $a md5 "x" key_file=;
=> invalid parameter "key_file=" in "digest" directive
# an empty key file
digest $a md5 "x" key_file=empty.key;
=> key file "*/conf/empty.key" is empty in "digest" directive
# a key file with nothing but a newline
digest $a md5 "x" key_file=newline.key;
=> key file "*/conf/newline.key" is empty in "digest" directive
# crc32 with a key
digest $a crc32 "x" key_file=key;
=> "crc32" takes no key in "digest" directive
# a name without `$`, digest
digest a md5 "x";
=> invalid variable name "a"
# a name without `$`, md5_hash
md5_hash a "x";
=> invalid variable name "a"
# an empty name
md5_hash $ "x";
=> invalid variable name "$"
# a variable of nginx's own that nobody may change
md5_hash $uri "x";
=> the duplicate "uri" variable
=> variable "$uri" could not be added
# a text with a variable nobody knows
md5_hash $a "$no_such_variable_x";
=> unknown "no_such_variable_x" variable @ -
# a broken variable reference
md5_hash $a "${uri";
=> the closing bracket in "uri" variable is missing
# md5_hash with too few words
md5_hash $a;
=> invalid number of arguments in "md5_hash" directive
# md5_hash with too many words
md5_hash $a x y;
=> invalid number of arguments in "md5_hash" directive
# digest with too few words
digest $a md5;
=> invalid number of arguments in "digest" directive
# digest with too many words
digest $a md5 x encoding=hex key_file=key x;
=> invalid number of arguments in "digest" directive
# the line is that of the directive, also in an included file
include extra.conf;
=> unknown algorithm "md4" in "digest" directive, it must be "md5", "sha1", "sha256", "sha384", "sha512" or "crc32" @ extra.conf:5
# two key files, neither there
digest $d md5 x key_file=A key_file=B;
=> duplicate parameter "key_file" in "digest" directive

=== TEST 2: where they may not stand
--- config
CASE
--- conf_cases
# md5_hash in a server
md5_hash $a "x";
=> "md5_hash" directive is not allowed here
# digest in a location
location / { digest $a md5 "x"; }
=> "digest" directive is not allowed here

=== TEST 3: everything that is right is accepted
--- http_config
md5_hash $a "";
md5_hash $b "$uri$arg_a";
digest $c crc32 x encoding=base64url;
digest $d sha512 x encoding=hex key_file=key;
md5_hash $a "again: the later definition holds";
--- user_files
>>> ../conf/key
key
--- config
location / { return 200; }
--- config_ok
--- no_error_log
[warn]

=== TEST 4: a key never shows in what nginx says about it
--- http_config
digest $a crc32 "x" key_file=key;
--- config
location / { return 200; }
--- log_level: debug
--- user_files
>>> ../conf/key
VERY-SECRET
--- must_die
--- no_error_log
VERY-SECRET
