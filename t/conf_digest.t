# What `md5_hash` and `digest` refuse while nginx reads its configuration.
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== TEST 1: an unknown algorithm
--- http_config
digest $a md4 "x";
--- config
location / { return 200; }
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown algorithm "md4" in "digest" directive, it must be "md5", "sha1", "sha256", "sha384", "sha512" or "crc32" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 2: an algorithm's name is lower case
--- http_config
digest $a MD5 "x";
--- config
location / { return 200; }
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown algorithm "MD5" in "digest" directive, it must be "md5", "sha1", "sha256", "sha384", "sha512" or "crc32" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 3: an empty algorithm
--- http_config
digest $a "" "x";
--- config
location / { return 200; }
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown algorithm "" in "digest" directive, it must be "md5", "sha1", "sha256", "sha384", "sha512" or "crc32" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 4: an unknown encoding
--- http_config
digest $a md5 "x" encoding=base32;
--- config
location / { return 200; }
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown encoding "base32" in "digest" directive, it must be "hex", "base64" or "base64url" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 5: an empty encoding
--- http_config
digest $a md5 "x" encoding=;
--- config
location / { return 200; }
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown encoding "" in "digest" directive, it must be "hex", "base64" or "base64url" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 6: an unknown parameter
--- http_config
digest $a md5 "x" salt=y;
--- config
location / { return 200; }
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid parameter "salt=y" in "digest" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 7: a parameter without a value
--- http_config
digest $a md5 "x" base64;
--- config
location / { return 200; }
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid parameter "base64" in "digest" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 8: `encoding` twice
--- http_config
digest $a md5 "x" encoding=hex encoding=hex;
--- config
location / { return 200; }
--- must_die
--- error_log eval
qr{\[emerg\] .*duplicate parameter "encoding" in "digest" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 9: `key_file` twice
--- http_config
digest $a md5 "x" key_file=key key_file=key;
--- config
location / { return 200; }
--- user_files
>>> ../conf/key
key
--- must_die
--- error_log eval
qr{\[emerg\] .*duplicate parameter "key_file" in "digest" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 10: a missing key file
--- http_config
digest $a md5 "x" key_file=none;
--- config
location / { return 200; }
--- must_die
--- error_log eval
qr{\[emerg\] .*cannot load key file "\S+/conf/none" \(2: No such file or directory\) in "digest" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 11: a key file that cannot be read
--- http_config
digest $a md5 "x" key_file=dir;
--- config
location / { return 200; }
--- user_files
>>> ../conf/dir/file
x
--- must_die
--- error_log eval
qr{\[emerg\] .*cannot load key file "\S+/conf/dir" \(not a regular file\) in "digest" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 12: a key file's name is empty
--- http_config
digest $a md5 "x" key_file=;
--- config
location / { return 200; }
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid parameter "key_file=" in "digest" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 13: an empty key file
--- http_config
digest $a md5 "x" key_file=key;
--- config
location / { return 200; }
--- user_files eval
[["../conf/key", ""]]
--- must_die
--- error_log eval
qr{\[emerg\] .*key file "\S+/conf/key" is empty in "digest" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 14: a key file with nothing but a newline
--- http_config
digest $a md5 "x" key_file=key;
--- config
location / { return 200; }
--- user_files eval
[["../conf/key", "\n"]]
--- must_die
--- error_log eval
qr{\[emerg\] .*key file "\S+/conf/key" is empty in "digest" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 15: crc32 with a key
--- http_config
digest $a crc32 "x" key_file=key;
--- config
location / { return 200; }
--- user_files
>>> ../conf/key
key
--- must_die
--- error_log eval
qr{\[emerg\] .*"crc32" takes no key in "digest" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 16: a name without `$`, digest
--- http_config
digest a md5 "x";
--- config
location / { return 200; }
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid variable name "a" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 17: a name without `$`, md5_hash
--- http_config
md5_hash a "x";
--- config
location / { return 200; }
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid variable name "a" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 18: an empty name
--- http_config
md5_hash $ "x";
--- config
location / { return 200; }
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid variable name "\$" in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 19: a variable of nginx's own that nobody may change
--- http_config
md5_hash $uri "x";
--- config
location / { return 200; }
--- must_die
--- error_log eval
qr{\[emerg\] .*the duplicate "uri" variable in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 20: a text with a variable nobody knows
--- http_config
md5_hash $a "$no_such_variable_x";
--- config
location / { return 200; }
--- must_die
--- error_log eval
qr{\[emerg\] unknown "no_such_variable_x" variable}

=== TEST 21: a broken variable reference
--- http_config
md5_hash $a "${uri";
--- config
location / { return 200; }
--- must_die
--- error_log eval
qr{\[emerg\] .*the closing bracket in "uri" variable is missing in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 22: md5_hash with too few words
--- http_config
md5_hash $a;
--- config
location / { return 200; }
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid number of arguments in "md5_hash" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 23: md5_hash with too many words
--- http_config
md5_hash $a x y;
--- config
location / { return 200; }
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid number of arguments in "md5_hash" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 24: digest with too few words
--- http_config
digest $a md5;
--- config
location / { return 200; }
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid number of arguments in "digest" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 25: digest with too many words
--- http_config
digest $a md5 x encoding=hex key_file=key x;
--- config
location / { return 200; }
--- user_files
>>> ../conf/key
key
--- must_die
--- error_log eval
qr{\[emerg\] .*invalid number of arguments in "digest" directive in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 26: md5_hash in a server
--- config
md5_hash $a "x";
--- must_die
--- error_log eval
qr{\[emerg\] .*"md5_hash" directive is not allowed here in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 27: digest in a location
--- config
location / { digest $a md5 "x"; }
--- must_die
--- error_log eval
qr{\[emerg\] .*"digest" directive is not allowed here in \S+/conf/nginx\.conf:[1-9]\d*}

=== TEST 28: the line is that of the directive, also in an included file
--- http_config
include extra.conf;
--- config
location / { return 200; }
--- user_files
>>> ../conf/extra.conf
md5_hash $fine "x";

digest $a
    md4
    "x";
--- must_die
--- error_log eval
qr{\[emerg\] .*unknown algorithm "md4" in "digest" directive, it must be "md5", "sha1", "sha256", "sha384", "sha512" or "crc32" in \S+/conf/extra\.conf:5}

=== TEST 29: everything that is right is accepted
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

=== TEST 30: a key never shows in what nginx says about it
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

=== TEST 31: two key files, neither there
--- http_config
digest $d md5 x key_file=A key_file=B;
--- config
--- must_die
--- error_log eval
qr{\[emerg\] .*duplicate parameter "key_file" in "digest" directive in \S+/conf/nginx\.conf:[1-9]\d*}
