# What `redis … tls` refuses while nginx reads its configuration, and what it accepts. Nothing connects.
# requires: with http_ssl_module
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== TEST 1: TLS
--- http_config
upstream_table apps { zone 1m; redis CASE; }
--- conf_cases
# names to verify, and no TLS
127.0.0.1 tls_name=redis.test
=> "tls_…" needs "tls" in "redis" directive
# an address has no name
127.0.0.1 tls
=> "tls" needs "tls_name" in "redis" directive: certificates are for names, and the servers here are addresses
# Sentinels give addresses
redis.test tls sentinel=main
=> "tls" needs "tls_name" in "redis" directive: certificates are for names, and the servers here are addresses
# neither on nor off
redis.test tls tls_verify=maybe
=> invalid value "tls_verify=maybe" in "redis" directive, it must be "tls_verify=on" or "tls_verify=off"
# authorities that are not there
redis.test tls tls_ca=none
=> cannot load CA file "*/conf/none" (2: No such file or directory) in "redis" directive
# a certificate without its key
redis.test tls tls_cert=cert.pem
=> "tls_cert" and "tls_key" need each other in "redis" directive
# a certificate, and no TLS
redis.test tls_cert=cert.pem tls_key=key.pem
=> "tls_…" needs "tls" in "redis" directive
# a certificate that is not there
redis.test tls tls_verify=off tls_cert=none.pem tls_key=none.key
=> cannot load certificate "*/conf/none.pem" (2: No such file or directory) in "redis" directive
# TLS without verification
127.0.0.1 tls tls_verify=off
=> ok
