# requires: hooks
#
# A module for Debian's own nginx and the name that its package provides, in dpkg's list.
use Test::Nginx::Socket 'no_plan';

our $List = <<'_EOC_';
>>> ../conf/status
Package: nginx-common
Status: install ok installed
Provides: nginx-abi-9.9.9-9

Package: nginx
Status: install ok installed
Provides: httpd, httpd-cgi, nginx-abi-1.22.1-7
Description: a server

Package: nginx-doc
Provides: nginx-abi-8.8.8-8
>>> ../conf/without
Package: nginx-common
Provides: nginx-abi-9.9.9-9

Package: nginx
Provides: httpd
_EOC_

run_tests();

__DATA__

=== TEST 1: the name of the package, and another one
--- http_config
test_package nginx-abi-1.22.1-7 /usr/sbin/nginx status;
test_package nginx-abi-1.22.1-8 /usr/sbin/nginx status;
--- user_files eval: $::List
--- config
location = / { return 204; }
--- request
GET /
--- error_code: 204
--- error_log
test_package: nginx-abi-1.22.1-7 of /usr/sbin/nginx: nothing
test_package: nginx-abi-1.22.1-8 of /usr/sbin/nginx: this nginx is not the one the module was built for: its package provides "nginx-abi-1.22.1-7", the module wants "nginx-abi-1.22.1-8"; build the module for this nginx, or install the one that belongs to it

=== TEST 2: an nginx that is not the package's, no list, a list without the name, a module for no package
--- http_config
test_package nginx-abi-1 /usr/local/sbin/nginx status;
test_package nginx-abi-2 /usr/sbin/nginx none;
test_package nginx-abi-3 /usr/sbin/nginx without;
test_package "" /usr/sbin/nginx status;
--- user_files eval: $::List
--- config
location = / { return 204; }
--- request
GET /
--- error_code: 204
--- error_log
test_package: nginx-abi-1 of /usr/local/sbin/nginx: nothing
test_package: nginx-abi-2 of /usr/sbin/nginx: nothing
test_package: nginx-abi-3 of /usr/sbin/nginx: nothing
test_package:  of /usr/sbin/nginx: nothing
