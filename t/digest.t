# `md5_hash` and `digest`: the values, and every place a variable can stand in.
use Test::Nginx::Socket 'no_plan';

no_long_string();
run_tests();

__DATA__

=== TEST 1: md5_hash is the lower-case hex MD5 of its text
--- http_config
md5_hash $m "hello";
--- config
location = /t { return 200 "$m"; }
--- request
GET /t
--- response_body: 5d41402abc4b2a76b9719d911017c592

=== TEST 2: every algorithm, hex by default
--- http_config
digest $a md5    "hello";
digest $b sha1   "hello";
digest $c sha256 "hello";
digest $d sha384 "hello";
digest $e sha512 "hello";
digest $f crc32  "hello";
--- config
location = /t { return 200 "$a\n$b\n$c\n$d\n$e\n$f\n"; }
--- request
GET /t
--- response_body
5d41402abc4b2a76b9719d911017c592
aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d
2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
59e1748777448c69de6b800d7a33bbfb9ff1b463e44354c3553bcdb9c666fa90125a3c79f90397bdf5f6a13de828684f
9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043
3610a686

=== TEST 3: every algorithm as base64: the standard alphabet, padded
--- http_config
digest $a md5    "hello" encoding=base64;
digest $b sha1   "hello" encoding=base64;
digest $c sha256 "hello" encoding=base64;
digest $d sha384 "hello" encoding=base64;
digest $e sha512 "hello" encoding=base64;
digest $f crc32  "hello" encoding=base64;
--- config
location = /t { return 200 "$a\n$b\n$c\n$d\n$e\n$f\n"; }
--- request
GET /t
--- response_body
XUFAKrxLKna5cZ2REBfFkg==
qvTGHdzF6KLavt4PO0gs2a6pQ00=
LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=
WeF0h3dEjGnea4ANejO7+5/xtGPkQ1TDVTvNucZm+pASWjx5+QOXvfX2oT3oKGhP
m3HSJL1i83hdltRq0+o9czGb+8KJDKra4t/3JRlnPKcjI8PZm6XBHXx6zG4UuMXaDEZjR1wuXDre9G9zvN7AQw==
NhCmhg==

=== TEST 4: every algorithm as base64url: the URL alphabet, not padded
--- http_config
digest $a md5    "hello" encoding=base64url;
digest $b sha1   "hello" encoding=base64url;
digest $c sha256 "hello" encoding=base64url;
digest $d sha384 "hello" encoding=base64url;
digest $e sha512 "hello" encoding=base64url;
digest $f crc32  "hello" encoding=base64url;
--- config
location = /t { return 200 "$a\n$b\n$c\n$d\n$e\n$f\n"; }
--- request
GET /t
--- response_body
XUFAKrxLKna5cZ2REBfFkg
qvTGHdzF6KLavt4PO0gs2a6pQ00
LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ
WeF0h3dEjGnea4ANejO7-5_xtGPkQ1TDVTvNucZm-pASWjx5-QOXvfX2oT3oKGhP
m3HSJL1i83hdltRq0-o9czGb-8KJDKra4t_3JRlnPKcjI8PZm6XBHXx6zG4UuMXaDEZjR1wuXDre9G9zvN7AQw
NhCmhg

=== TEST 5: the two base64 alphabets differ where they must
--- http_config
digest $std sha512 "$arg_a" encoding=base64;
digest $url sha512 "$arg_a" encoding=base64url;
digest $hex sha512 "$arg_a" encoding=hex;
--- config
location = /t { return 200 "$std\n$url\n$hex\n"; }
--- request
GET /t?a=b
--- response_body
Umd2iCLuYk1I/OFexcp5y9YCy39MIVelFlVpkfIu+Me173sY0f9BxZNw77CFhlHUSpNsEbexRMSP4E3zxqPo2g==
Umd2iCLuYk1I_OFexcp5y9YCy39MIVelFlVpkfIu-Me173sY0f9BxZNw77CFhlHUSpNsEbexRMSP4E3zxqPo2g
5267768822ee624d48fce15ec5ca79cbd602cb7f4c2157a516556991f22ef8c7b5ef7b18d1ff41c59370efb0858651d44a936c11b7b144c48fe04df3c6a3e8da

=== TEST 6: with a key file every algorithm but crc32 is an HMAC
--- http_config
digest $a md5    "hello" key_file=key;
digest $b sha1   "hello" key_file=key;
digest $c sha256 "hello" key_file=key;
digest $d sha384 "hello" key_file=key;
digest $e sha512 "hello" key_file=key;
--- user_files
>>> ../conf/key
key
--- config
location = /t { return 200 "$a\n$b\n$c\n$d\n$e\n"; }
--- request
GET /t
--- response_body
04130747afca4d79e32e87cf2104f087
b34ceac4516ff23a143e61d79d0fa7a4fbe5f266
9307b3b915efb5171ff14d8cb55fbcc798c6c0ef1456d66ded1a6aa723a58b7b
eacbad575c301fa68afb26dae48b25bf5cd42fd08ed28c08c274ce62df7928f01249976cd8aaf1ab0681d3accedc9543
ff06ab36757777815c008d32c8e14a705b4e7bf310351a06a23b612dc4c7433e7757d20525a5593b71020ea2ee162d2311b247e9855862b270122419652c0c92

=== TEST 7: key and encoding, in either order
--- http_config
digest $a sha256 "hello" key_file=key encoding=base64url;
digest $b sha256 "hello" encoding=base64 key_file=$TEST_NGINX_SERVROOT/conf/key;
--- user_files
>>> ../conf/key
key
--- config
location = /t { return 200 "$a\n$b\n"; }
--- request
GET /t
--- response_body
kwezuRXvtRcf8U2MtV-8x5jGwO8UVtZt7RpqpyOli3s
kwezuRXvtRcf8U2MtV+8x5jGwO8UVtZt7RpqpyOli3s=

=== TEST 8: a key of any bytes (RFC 4231, case 1)
--- http_config
digest $a sha256 "Hi There" key_file=key;
--- user_files eval
[["../conf/key", "\x0b" x 20]]
--- config
location = /t { return 200 "$a"; }
--- request
GET /t
--- response_body: b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7

=== TEST 9: one newline at the end of a key file is no part of the key, a second one is
--- http_config
digest $a md5 "x" key_file=none;
digest $b md5 "x" key_file=lf;
digest $c md5 "x" key_file=crlf;
digest $d md5 "x" key_file=two;
digest $e md5 "x" key_file=blank;
--- user_files eval
[["../conf/none", "k"], ["../conf/lf", "k\n"], ["../conf/crlf", "k\r\n"], ["../conf/two", "k\n\n"], ["../conf/blank", "k \n"]]
--- config
location = /t { return 200 "$a\n$b\n$c\n$d\n$e\n"; }
--- request
GET /t
--- response_body
442ba079e8ec6206f7f5534d4653db0f
442ba079e8ec6206f7f5534d4653db0f
442ba079e8ec6206f7f5534d4653db0f
c5728dfe62ec4ab7805053dc1899d955
88f6fec0a9d223b75af2a97159f1f0cb

=== TEST 10: a long key is hashed first, as HMAC says
--- http_config
digest $a sha256 "hello" key_file=key;
--- user_files eval
[["../conf/key", "k" x 200]]
--- config
location = /t { return 200 "$a"; }
--- request
GET /t
--- response_body: 174c64caec6f5e924a5df231d79fbb52a10cd73d1b575ded749f9a8ab81c4886

=== TEST 11: text beyond ASCII
--- http_config
digest $a md5    "é€";
digest $b sha384 "é€";
digest $c crc32  "é€";
digest $d md5    "é€" key_file=key;
digest $e sha256 "é€" key_file=key;
--- user_files
>>> ../conf/key
key
--- config
location = /t { return 200 "$a\n$b\n$c\n$d\n$e\n"; }
--- request
GET /t
--- response_body
d75285edbed0b771f00bbaefc623c709
7ab15dac3b4ce6718dd1b690ebef53c2b2aaadd4150262b35a35a9fa8069258b8d15dbef1f6cda8f6202449872e502e6
2447225d
f539de00e35da406c9c369fd19f6edd6
fe9197ba2df48e31d4fb99be8728825e016cd1ad7573c287613471c6e7393154

=== TEST 12: nothing has a digest, too
--- http_config
md5_hash $m "$arg_none";
digest $a md5    "" ;
digest $b sha384 "$arg_none";
digest $c crc32  "$arg_none";
digest $d md5    "$arg_none" key_file=key;
digest $e sha256 "$arg_none" key_file=key;
--- user_files
>>> ../conf/key
key
--- config
location = /t { return 200 "$m\n$a\n$b\n$c\n$d\n$e\n"; }
--- request
GET /t
--- response_body
d41d8cd98f00b204e9800998ecf8427e
d41d8cd98f00b204e9800998ecf8427e
38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b
00000000
63530468a04e386459855da0063b6596
5d5d139563c95b5967b9bd9a8c9b233a9dedb45072794cd232dc1b74832607d0

=== TEST 13: a thousand bytes
--- http_config
md5_hash $m "$arg_a";
digest $b sha384 "$arg_a";
digest $c crc32  "$arg_a";
digest $e sha256 "$arg_a" key_file=key;
--- user_files
>>> ../conf/key
key
--- config
location = /t { return 200 "$m\n$b\n$c\n$e\n"; }
--- request eval
"GET /t?a=" . "a" x 1000
--- response_body
cabe45dcc9ae5b66ba86600cca6b8ba8
f54480689c6b0b11d0303285d9a81b21a93bca6ba5a1b4472765dca4da45ee328082d469c650cd3b61b16d3266ab8ced
9a38da03
db636adca1d68c3ad2b38a24933870131c45f55262bf8f07b0c9bdc728ee5fb9

=== TEST 14: 64 kB
--- http_config
large_client_header_buffers 4 128k;
md5_hash $m "$arg_a";
digest $b sha512 "$arg_a$arg_a" encoding=base64url;
--- config
location = /t { return 200 "$m\n$b\n"; }
--- request eval
"GET /t?a=" . "a" x 65536
--- response_body
2d61aa54b58c2e94403fb092c3dbc027
IO8UaIeGzR4fuuEPb4P48GbQVjyU9rTl9H4HZGDQcMQuP8yCTKLtNesREHvucIIBmbYMN68S0A8XNrhW9B_3vw

=== TEST 15: a text of several variables and constants, each request its own
--- http_config
md5_hash $m "$host|$uri|$arg_a|secret";
--- config
location /t { return 200 "$m"; }
--- request eval
["GET /t/1?a=x", "GET /t/2?a=x", "GET /t/1?a=%78"]
--- response_body eval
["a4d26e89b91496871f08c6b184a3097a", "4569182942a8355ad46cb163cfb840d1", "6828c01dff2d50da5d60a2717e9da5ff"]

=== TEST 16: one request after another on a kept connection
--- http_config
md5_hash $m "$uri";
--- config
location /t { return 200 "$m $m"; }
--- pipelined_requests eval
["GET /t1", "GET /t2", "GET /t1"]
--- response_body eval
["64e403e9f84d2ef2747def89d15609c5 64e403e9f84d2ef2747def89d15609c5", "a10cdf38558c75fe325fa3328eed0dac a10cdf38558c75fe325fa3328eed0dac", "64e403e9f84d2ef2747def89d15609c5 64e403e9f84d2ef2747def89d15609c5"]

=== TEST 17: a digest of a digest
--- http_config
digest $outer sha1 "$inner:$inner";
md5_hash $inner "hello";
--- config
location = /t { return 200 "$outer"; }
--- request
GET /t
--- response_body: d9810381c234857beed32f476616d6c8e33700a9

=== TEST 18: a digest of itself is an error, not an endless loop
--- http_config
md5_hash $m "$m";
md5_hash $n "$n and more";
--- config
location = /m { return 200 "$m"; }
location = /n { return 200 "$n"; }
location = /fine { return 200 "fine"; }
--- request eval
["GET /m", "GET /n", "GET /fine"]
--- error_code eval
[500, 500, 200]
--- error_log eval
[qr/\[error\] .*cycle while evaluating variable "m"/, qr/\[error\] .*cycle while evaluating variable "n"/]

=== TEST 19: in `map`
--- http_config
md5_hash $m "$arg_user";
map $m $group { 7e0d7f8a5d96c24ffcc840f31bce72b2 red; ~^7fe4771c008a22eb763df47d19e2c6aa$ blue; default none; }
--- config
location = /t { return 200 "$group"; }
--- request eval
["GET /t?user=ann", "GET /t?user=ben", "GET /t?user=cid"]
--- response_body eval
["red", "blue", "none"]

=== TEST 20: in `if`
--- http_config
md5_hash $m "$arg_p";
--- config
location = /t {
    if ($m = 7cef8a734855777c2a9d0caf42666e69) { return 200 "in"; }
    return 403 "out";
}
--- request eval
["GET /t?p=open", "GET /t?p=Open"]
--- error_code eval
[200, 403]
--- response_body eval
["in", "out"]

=== TEST 21: in `add_header`
--- http_config
digest $etag sha256 "$uri" encoding=base64url;
--- config
location = /t { add_header X-Key "\"$etag\""; return 204; }
--- request
GET /t
--- error_code: 204
--- response_headers
X-Key: "WZyDoErtxIWo5i_NAZgd3jjuSLCMCJjP5XVEeG4KtIg"

=== TEST 22: in `log_format`, for each request its own
--- http_config
md5_hash $m "$uri";
log_format mine "$request_uri is $m";
--- config
access_log logs/access.log mine;
location / { return 204; }
--- request eval
["GET /one", "GET /two"]
--- error_code eval
[204, 204]
--- access_log
/one is c836a9fe66e2d1ec0e4db7c93890d08e
/two is aa59e61177d09e6b59ce73844ee132fe

=== TEST 23: three query arguments hashed into a request header
--- http_upstream: a
--- http_config
md5_hash $sig "$arg_user|$arg_file|$arg_until";
--- config
location / {
    proxy_set_header X-Signature $sig;
    proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A;
}
--- request
GET /get?until=1700000000&file=a.mp4&user=ann
--- response_body_like: GET /get\?until=1700000000&file=a\.mp4&user=ann HTTP/1\.[01]\r\n(?:Host: \S+\r\n)?X-Signature: b80e6fd40270b1ec6f4b366d256319e1\r\n

=== TEST 24: a header made of a digest that the client cannot set
--- http_upstream: a
--- http_config
md5_hash $sig "$arg_a";
--- config
location / {
    proxy_set_header X-Signature $sig;
    proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A;
}
--- request
GET /?a=1
--- more_headers
X-Signature: mine
--- response_body_unlike: mine
--- response_body_like: X-Signature: c4ca4238a0b923820dcc509a6f75849b\r\n

=== TEST 25: as `proxy_cache_key`: what has one key is one entry
--- http_upstream: a
--- http_config
proxy_cache_path cache keys_zone=c:1m;
md5_hash $key "$host|$uri|$arg_id";
--- config
location / {
    proxy_cache c;
    proxy_cache_key $key;
    proxy_cache_valid 200 1m;
    add_header X-Cache $upstream_cache_status;
    proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A;
}
--- request eval
["GET /t?id=1&x=1", "GET /t?id=2&x=2", "GET /t?x=3&id=1", "GET /u?id=1"]
--- response_headers eval
["X-Cache: MISS", "X-Cache: MISS", "X-Cache: HIT", "X-Cache: MISS"]
--- response_body eval
[qr{GET /t\?id=1&x=1 }, qr{GET /t\?id=2&x=2 }, qr{GET /t\?id=1&x=1 }, qr{GET /u\?id=1 }]

=== TEST 26: an SSI include computes its own, also when the page has read the variable
--- http_config
md5_hash $m "$uri";
--- config
location = /page.html { ssi on; ssi_types text/plain; add_header X-Page $m; root html; if ($m = "") { return 500; } }
location /part { return 200 "$m"; }
--- user_files
>>> page.html
[<!--#include virtual="/part/1" -->|<!--#include virtual="/part/2" -->|<!--#echo var="m" -->]
--- request
GET /page.html
--- response_headers
X-Page: cd21a9dcd2cd7c9d3c1117e84347b550
--- response_body
[d86defb1c25dc87a9c35a4038d522ac8|b8b4249953bdf32e11c68c42621b186a|cd21a9dcd2cd7c9d3c1117e84347b550]

=== TEST 27: as `proxy_cache_key` of SSI includes: no part in place of another
--- http_upstream: a
--- http_config
proxy_cache_path cache keys_zone=c:1m;
md5_hash $m "$uri";
--- config
location = /page.html { ssi on; ssi_types text/plain; root html; add_header X-Page $m; }
location /part {
    proxy_cache c;
    proxy_cache_key $m;
    proxy_cache_valid 200 1m;
    proxy_pass http://127.0.0.1:$TEST_NGINX_PORT_A;
}
--- user_files
>>> page.html
<!--#include virtual="/part/1" --><!--#include virtual="/part/2" -->
--- request eval
["GET /page.html", "GET /page.html"]
--- response_body eval
[qr{GET /part/1 .*GET /part/2 }s, qr{GET /part/1 .*GET /part/2 }s]

=== TEST 28: as `proxy_cache_key` of slices: each slice has its own
--- http_config
proxy_cache_path cache keys_zone=c:1m;
md5_hash $m "$uri $slice_range";
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    root html;
}
--- config
location / {
    slice 4;
    proxy_cache c;
    proxy_cache_key $m;
    proxy_cache_valid 200 206 1m;
    proxy_set_header Range $slice_range;
    proxy_http_version 1.1;
    add_header X-Cache $upstream_cache_status;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- user_files eval
[["f.txt", "0123456789ab"]]
--- request eval
["GET /f.txt", "GET /f.txt"]
--- response_headers eval
["X-Cache: MISS", "X-Cache: HIT"]
--- response_body eval
["0123456789ab", "0123456789ab"]

=== TEST 29: the target of an internal redirect computes its own
--- http_config
md5_hash $m "$uri";
--- config
location = /dir/ { set $before $m; root html; index i.txt; }
location = /dir/i.txt { return 200 "$before $m"; }
location = /err { set $before $m; error_page 418 = /shown; return 418; }
location = /shown { return 200 "$before $m"; }
location = /try { set $before $m; root html; try_files /none @named; }
location @named { return 200 "$before $m $uri"; }
--- user_files
>>> dir/i.txt
x
--- request eval
["GET /dir/", "GET /err", "GET /try"]
--- response_body eval
["cc634b0d97ed5a42797bdc24ce45c315 8a337c9f441aea33dbc31a4b1a9c4cdf", "9d5caa4f13381640816cca8b57687617 21a4f2343bb2d0fdf0acfda44f00680c", "3f18796784a3ccc9ffbd898f87e17461 3f18796784a3ccc9ffbd898f87e17461 /try"]

=== TEST 30: a user's own variable of that name wins
--- http_config
md5_hash $m "hello";
map $arg_a $m { default mine; }
--- config
location = /t { return 200 "$m"; }
--- request
GET /t
--- response_body: mine

=== TEST 31: many digests in one request, read in any order and twice
--- http_config
md5_hash $a "1";
md5_hash $b "2";
md5_hash $c "3";
--- config
location = /t { return 200 "$c $a $b $a $c"; }
--- request
GET /t
--- response_body: eccbc87e4b5ce2fe28308fd9f2a7baf3 c4ca4238a0b923820dcc509a6f75849b c81e728d9d4c2f636f067f89cc14862c c4ca4238a0b923820dcc509a6f75849b eccbc87e4b5ce2fe28308fd9f2a7baf3

=== TEST 32: as the key of `limit_req`
--- http_config
md5_hash $m "$uri";
limit_req_zone $m zone=z:1m rate=1r/m;
--- config
location / { limit_req zone=z; limit_req_status 429; root html; try_files /ok.txt =404; }
--- user_files
>>> ok.txt
ok
--- request eval
["GET /1", "GET /2", "GET /1"]
--- error_code eval
[200, 200, 429]
