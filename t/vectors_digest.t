# The digest vectors of t/data/token.json.
# Written by crates/token/tests/vectors_t.rs; do not edit.
use Test::Nginx::Socket 'no_plan';

no_long_string();
run_tests();

__DATA__

=== TEST 1: md5 of ""
--- http_config
digest $value md5 "";
--- config
location = /t { return 200 $value; }
--- user_files eval
[["../conf/key", "unused"]]
--- request
GET /t
--- response_body: d41d8cd98f00b204e9800998ecf8427e

=== TEST 2: sha384 of ""
--- http_config
digest $value sha384 "";
--- config
location = /t { return 200 $value; }
--- user_files eval
[["../conf/key", "unused"]]
--- request
GET /t
--- response_body: 38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b

=== TEST 3: crc32 of ""
--- http_config
digest $value crc32 "";
--- config
location = /t { return 200 $value; }
--- user_files eval
[["../conf/key", "unused"]]
--- request
GET /t
--- response_body: 00000000

=== TEST 4: hmac_md5 of ""
--- http_config
digest $value md5 "" key_file=key;
--- config
location = /t { return 200 $value; }
--- user_files eval
[["../conf/key", "key"]]
--- request
GET /t
--- response_body: 63530468a04e386459855da0063b6596

=== TEST 5: hmac_sha256 of ""
--- http_config
digest $value sha256 "" key_file=key;
--- config
location = /t { return 200 $value; }
--- user_files eval
[["../conf/key", "key"]]
--- request
GET /t
--- response_body: 5d5d139563c95b5967b9bd9a8c9b233a9dedb45072794cd232dc1b74832607d0

=== TEST 6: md5 of "hello"
--- http_config
digest $value md5 "hello";
--- config
location = /t { return 200 $value; }
--- user_files eval
[["../conf/key", "unused"]]
--- request
GET /t
--- response_body: 5d41402abc4b2a76b9719d911017c592

=== TEST 7: sha384 of "hello"
--- http_config
digest $value sha384 "hello";
--- config
location = /t { return 200 $value; }
--- user_files eval
[["../conf/key", "unused"]]
--- request
GET /t
--- response_body: 59e1748777448c69de6b800d7a33bbfb9ff1b463e44354c3553bcdb9c666fa90125a3c79f90397bdf5f6a13de828684f

=== TEST 8: crc32 of "hello"
--- http_config
digest $value crc32 "hello";
--- config
location = /t { return 200 $value; }
--- user_files eval
[["../conf/key", "unused"]]
--- request
GET /t
--- response_body: 3610a686

=== TEST 9: hmac_md5 of "hello"
--- http_config
digest $value md5 "hello" key_file=key;
--- config
location = /t { return 200 $value; }
--- user_files eval
[["../conf/key", "key"]]
--- request
GET /t
--- response_body: 04130747afca4d79e32e87cf2104f087

=== TEST 10: hmac_sha256 of "hello"
--- http_config
digest $value sha256 "hello" key_file=key;
--- config
location = /t { return 200 $value; }
--- user_files eval
[["../conf/key", "key"]]
--- request
GET /t
--- response_body: 9307b3b915efb5171ff14d8cb55fbcc798c6c0ef1456d66ded1a6aa723a58b7b

=== TEST 11: md5 of "The quick brown fox "
--- http_config
digest $value md5 "The quick brown fox jumps over the lazy dog";
--- config
location = /t { return 200 $value; }
--- user_files eval
[["../conf/key", "unused"]]
--- request
GET /t
--- response_body: 9e107d9d372bb6826bd81d3542a419d6

=== TEST 12: sha384 of "The quick brown fox "
--- http_config
digest $value sha384 "The quick brown fox jumps over the lazy dog";
--- config
location = /t { return 200 $value; }
--- user_files eval
[["../conf/key", "unused"]]
--- request
GET /t
--- response_body: ca737f1014a48f4c0b6dd43cb177b0afd9e5169367544c494011e3317dbf9a509cb1e5dc1e85a941bbee3d7f2afbc9b1

=== TEST 13: crc32 of "The quick brown fox "
--- http_config
digest $value crc32 "The quick brown fox jumps over the lazy dog";
--- config
location = /t { return 200 $value; }
--- user_files eval
[["../conf/key", "unused"]]
--- request
GET /t
--- response_body: 414fa339

=== TEST 14: hmac_md5 of "The quick brown fox "
--- http_config
digest $value md5 "The quick brown fox jumps over the lazy dog" key_file=key;
--- config
location = /t { return 200 $value; }
--- user_files eval
[["../conf/key", "key"]]
--- request
GET /t
--- response_body: 80070713463e7749b90c2dc24911e275

=== TEST 15: hmac_sha256 of "The quick brown fox "
--- http_config
digest $value sha256 "The quick brown fox jumps over the lazy dog" key_file=key;
--- config
location = /t { return 200 $value; }
--- user_files eval
[["../conf/key", "key"]]
--- request
GET /t
--- response_body: f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8

=== TEST 16: md5 of "é€"
--- http_config
digest $value md5 "é€";
--- config
location = /t { return 200 $value; }
--- user_files eval
[["../conf/key", "unused"]]
--- request
GET /t
--- response_body: d75285edbed0b771f00bbaefc623c709

=== TEST 17: sha384 of "é€"
--- http_config
digest $value sha384 "é€";
--- config
location = /t { return 200 $value; }
--- user_files eval
[["../conf/key", "unused"]]
--- request
GET /t
--- response_body: 7ab15dac3b4ce6718dd1b690ebef53c2b2aaadd4150262b35a35a9fa8069258b8d15dbef1f6cda8f6202449872e502e6

=== TEST 18: crc32 of "é€"
--- http_config
digest $value crc32 "é€";
--- config
location = /t { return 200 $value; }
--- user_files eval
[["../conf/key", "unused"]]
--- request
GET /t
--- response_body: 2447225d

=== TEST 19: hmac_md5 of "é€"
--- http_config
digest $value md5 "é€" key_file=key;
--- config
location = /t { return 200 $value; }
--- user_files eval
[["../conf/key", "key"]]
--- request
GET /t
--- response_body: f539de00e35da406c9c369fd19f6edd6

=== TEST 20: hmac_sha256 of "é€"
--- http_config
digest $value sha256 "é€" key_file=key;
--- config
location = /t { return 200 $value; }
--- user_files eval
[["../conf/key", "key"]]
--- request
GET /t
--- response_body: fe9197ba2df48e31d4fb99be8728825e016cd1ad7573c287613471c6e7393154

=== TEST 21: md5 of "aaaaaaaaaaaaaaaaaaaa"
--- http_config
digest $value md5 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
--- config
location = /t { return 200 $value; }
--- user_files eval
[["../conf/key", "unused"]]
--- request
GET /t
--- response_body: cabe45dcc9ae5b66ba86600cca6b8ba8

=== TEST 22: sha384 of "aaaaaaaaaaaaaaaaaaaa"
--- http_config
digest $value sha384 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
--- config
location = /t { return 200 $value; }
--- user_files eval
[["../conf/key", "unused"]]
--- request
GET /t
--- response_body: f54480689c6b0b11d0303285d9a81b21a93bca6ba5a1b4472765dca4da45ee328082d469c650cd3b61b16d3266ab8ced

=== TEST 23: crc32 of "aaaaaaaaaaaaaaaaaaaa"
--- http_config
digest $value crc32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
--- config
location = /t { return 200 $value; }
--- user_files eval
[["../conf/key", "unused"]]
--- request
GET /t
--- response_body: 9a38da03

=== TEST 24: hmac_md5 of "aaaaaaaaaaaaaaaaaaaa"
--- http_config
digest $value md5 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" key_file=key;
--- config
location = /t { return 200 $value; }
--- user_files eval
[["../conf/key", "key"]]
--- request
GET /t
--- response_body: 704fbea33b57589561175d858364c7d2

=== TEST 25: hmac_sha256 of "aaaaaaaaaaaaaaaaaaaa"
--- http_config
digest $value sha256 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" key_file=key;
--- config
location = /t { return 200 $value; }
--- user_files eval
[["../conf/key", "key"]]
--- request
GET /t
--- response_body: db636adca1d68c3ad2b38a24933870131c45f55262bf8f07b0c9bdc728ee5fb9

=== TEST 26: hmac_sha256 of "Hi There"
--- http_config
digest $value sha256 "Hi There" key_file=key;
--- config
location = /t { return 200 $value; }
--- user_files eval
[["../conf/key", "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"]]
--- request
GET /t
--- response_body: b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7
