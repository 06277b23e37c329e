# What a profile of JSON Web Tokens refuses while nginx reads its configuration, and what it doubts.
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== TEST 1: the words of the profile
--- http_config
token_profile p { format jwt; CASE }
--- user_files
>>> ../conf/key
0123456789abcdef0123456789abcdef
>>> ../conf/short
0123456789abcdef
>>> ../conf/empty

>>> ../conf/rsa.pem
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAmL+JKPfSYMYajDiL0KDI
7iIZe/DDkd9NkOA3c495YfCTzeccF5/Z+99CIlyfIF8Wzx9A3xcSJi6S1K+VfUvL
mTqgDCohuiRPeYSxpuinaVxGkiJQ+tMgEMok0PyrlpI1QJVNDkAIDTmN1ePeoDV4
RQok70hs0MLpnzz2tlG9uRT8S/EUrdYRa/humMIZRGuRb4LS6YW4q7x1B5WmOjxf
JF614eQaXiS1CiUWPHbayR61O8ITsWAxrQ9TxT9zL/I8bmywjwuOKlcco69P3rFf
pqqJATtRswZhKKrbAQiOxu5Pqe2/qBSwckMpm6lpn+5FbPgZHxehXz7Wfie0874M
1QIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/weak.pem
-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQD2CCk7JtiR+mHdCFzTo1nwx0oY
NmlKMCrz12MboterO69u7dOshcMJniR+3Wuy8uCZGfQUJehSSoEVlFmMlw4P5LNV
WXJdrsPrTTRM6QYpctjRb3wdNhggJS5t6jan+uSsmIJbGU2d3kxTP1SSkK06+xGv
wmt9MhZqHFjInA8ddwIDAQAB
-----END PUBLIC KEY-----
>>> ../conf/none.json
{"keys":[{"kty":"RSA","use":"enc"}]}
>>> ../conf/twice.key
{"keys":[{"kty":"oct","kid":"a","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"},{"kty":"oct","kid":"a","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}]}
>>> ../conf/mixed.key
{"keys":[{"kty":"oct","kid":"a","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"},{"kty":"OKP","crv":"Ed25519","kid":"b","x":"im3BGpbE4hJnwXf4v_FEqQMdja45pRJcF-n-3XU6kKo"}]}
--- conf_cases
# no key
issuer me;
=> token_profile "p" has no "key"
# an empty key
key file=empty;
=> key file "*/conf/empty" is empty in "key" directive
# a file that is not there
jwks file=nowhere.json;
=> cannot load key file "*/conf/nowhere.json" (2: No such file or directory) in "jwks" directive
# jwks without a file
jwks nowhere.json;
=> invalid parameter "nowhere.json" in "jwks" directive, it takes (file=PATH | uri=URI) [refresh=time]
# jwks of neither
jwks refresh=1s;
=> "jwks" must have "file" or "uri" parameter
# jwks of both
jwks file=none.json uri=/keys;
=> "jwks" takes one of "file" and "uri"
# a location that is none
jwks uri=https://id.example.com/keys;
=> invalid parameter "uri=https://id.example.com/keys" in "jwks" directive, it must be the path of a location, as "/keys"
# without a pause
jwks uri=/keys refresh=0;
=> invalid parameter "refresh=0" in "jwks" directive, it must be a time above 0, as "10s"
# the same location twice
jwks uri=/keys; jwks uri=/other; jwks uri=/keys refresh=1h;
=> duplicate location "/keys" in "jwks" directive
# a time that is none
key file=key reload=often;
=> invalid parameter "reload=often" in "key" directive, it must be a time, as "10s"
# a key in PEM as a secret
key file=rsa.pem;
=> token_profile "p" has a "key" that is no secret but the text of a key: give its line "encoding=pem"
# a JWKS as a secret
key file=twice.key;
=> token_profile "p" has a "key" that is no secret but the text of a key: give its line "encoding=jwks"
# a secret as PEM
key file=key encoding=pem;
=> key file "*/conf/key" is not pem in "key" directive
# a weak RSA key
key file=weak.pem encoding=pem;
=> token_profile "p" has a bad key: key file "*/conf/weak.pem" is an RSA key of 1024 bits, it must have 2048 to 8192
# no key for signatures
jwks file=none.json;
=> token_profile "p" has a bad key: key file "*/conf/none.json" holds no key for signatures
# a kid twice
jwks file=twice.key;
=> token_profile "p" has a bad key: key file "*/conf/twice.key" holds two keys with the kid "a"
# secrets beside public keys
jwks file=mixed.key;
=> token_profile "p" has a bad key: key file "*/conf/mixed.key" holds secrets beside public keys: who may see these must not see those
# a key that no algorithm is for
key file=rsa.pem encoding=pem; algorithm HS256;
=> token_profile "p" has a key that is for none of the algorithms in "algorithm"
# an algorithm that is none
key file=key; algorithm none;
=> unknown algorithm "none" in "algorithm" directive, it must be "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512" or "EdDSA"
# a hash where an algorithm of keys belongs
key file=key; algorithm sha256;
=> format "jwt" takes no such algorithm as in "algorithm" directive, it must be "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512" or "EdDSA"
# a URL as the name of a claim
key file=key; require https://x.com/r = a;
=> invalid path "https://x.com/r" of a claim (write "/https:~1~1x.com~1r") in "require" directive
# an algorithm twice
key file=key; algorithm HS256 HS256;
=> duplicate parameter "HS256" in "algorithm" directive
# a place without a name
key file=key; from cookie;
=> "cookie" in "from" directive needs a name, as in "cookie=token": format "jwt" has none
# a key of a route
key table=t name=n;
=> unknown upstream_table "t" in "key" directive
# a key of a route, which is a secret, without an algorithm for secrets
key table=t name=n; algorithm ES256;
=> token_profile "p" has a "key" with "table", which is a secret, and no "algorithm" for one
# a message
key file=key; message x;
=> token_profile "p" has a "message", format "jwt" takes none
# a requirement without an operator
key file=key; require sub;
=> invalid number of arguments in "require" directive
# an unknown operator
key file=key; require sub is x;
=> unknown operator "is" in "require" directive, it must be "=", "in", "contains" or "exists"
# a path that is none
key file=key; require a..b exists;
=> invalid path "a..b" of a claim in "require" directive

=== TEST 2: claims and preflights
--- http_config
token_profile p { format jwt; key file=key; }
token_profile q { format scalesimple; key file=key; }
CASE
--- user_files
>>> ../conf/key
0123456789abcdef0123456789abcdef
--- conf_cases
# a profile that is not there
token_claim $sub r sub;
=> unknown token_profile "r" in "token_claim" directive
# a profile without claims
token_claim $sub q sub;
=> token_profile "q" has no claims for "token_claim", its format is "scalesimple"
# a path that is none
token_claim $sub p .sub;
=> invalid path ".sub" of a claim in "token_claim" directive
# no variable
token_claim sub p sub;
=> invalid variable name "sub"
# a variable that a map defines before: a client may choose what it is
map $arg_x $sub { default x; } token_claim $sub p sub;
=> the duplicate "sub" variable
# a map behind it
token_claim $sub p sub; map $arg_x $sub { default x; }
=> the duplicate "sub" variable
# twice
token_claim $sub p sub; token_claim $Sub p iss;
=> the duplicate "Sub" variable
# a named capture
token_claim $sub p sub; server { listen 127.0.0.1:1; server_name ~^(?<sub>.*)$; }
=> the duplicate "sub" variable
# a set
token_claim $sub p sub; server { listen 127.0.0.1:1; set $sub $arg_x; }
=> the duplicate "sub" variable
# a word too few
token_claim $sub p;
=> invalid number of arguments in "token_claim" directive
# a preflight that is neither
token_auth_preflight off;
=> invalid value "off" in "token_auth_preflight" directive, it must be "check" or "pass"

=== TEST 3: a short secret is doubted
--- http_config
token_profile p { format jwt; key file=short; }
--- config
location / { token_auth p; }
--- user_files
>>> ../conf/short
0123456789abcdef
--- request
GET /
--- error_code: 401
--- error_log
a secret is shorter than the hash that is made with it

=== TEST 4: what everybody may read is no reason to warn when it is public
--- http_config
token_profile p { format jwt; key file=rsa.pem encoding=pem; }
--- config
location / { token_auth p; }
--- user_files
>>> ../conf/rsa.pem
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAmL+JKPfSYMYajDiL0KDI
7iIZe/DDkd9NkOA3c495YfCTzeccF5/Z+99CIlyfIF8Wzx9A3xcSJi6S1K+VfUvL
mTqgDCohuiRPeYSxpuinaVxGkiJQ+tMgEMok0PyrlpI1QJVNDkAIDTmN1ePeoDV4
RQok70hs0MLpnzz2tlG9uRT8S/EUrdYRa/humMIZRGuRb4LS6YW4q7x1B5WmOjxf
JF614eQaXiS1CiUWPHbayR61O8ITsWAxrQ9TxT9zL/I8bmywjwuOKlcco69P3rFf
pqqJATtRswZhKKrbAQiOxu5Pqe2/qBSwckMpm6lpn+5FbPgZHxehXz7Wfie0874M
1QIDAQAB
-----END PUBLIC KEY-----
--- request
GET /
--- error_code: 401
--- no_error_log
is readable by every user
ends in
