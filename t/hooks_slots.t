# requires: hooks
#
# The two slots of a database's zone: bytes are put beside those in use, and published at once.
use Test::Nginx::Socket 'no_plan';

run_tests();

__DATA__

=== TEST 1: nothing yet, then one generation after the other, each in the other slot
--- http_config
test_slots 65536 current publish:one:7:5 current publish:second:8:1005 current publish:a:9:2005 current stamp:3 current;
--- config
location = / { return 204; }
--- request
GET /
--- error_code: 204
--- error_log
test_slots: none, done, generation 2 is one of 3 with 7, done, generation 3 is second of 6 with 8, done, generation 4 is a of 1 with 9, 3, generation 4 is a of 1 with 3
--- log_level: notice

=== TEST 2: a generation is left alone for a second
--- http_config
test_slots 65536 publish:one:7:5000 publish:two:8:5999 begin:A:5999 begin:A:4000 current publish:two:8:6000 current publish:three:9:6999 begin:A:6999 begin:A:7000;
--- config
location = / { return 204; }
--- request
GET /
--- error_code: 204
--- error_log
test_slots: done, too soon, no, no, generation 2 is one of 3 with 7, done, generation 3 is two of 3 with 8, too soon, no, yes
--- log_level: notice

=== TEST 3: a draft grows beside what is published, also while that is looked at before and after
--- http_config
test_slots 65536 publish:published:1:0 begin:A:2000 append:A:ab current append:A:cd current commit:A:2:2000 current begin:B:4000 append:B:xyz current commit:B:3:4000 current;
--- config
location = / { return 204; }
--- request
GET /
--- error_code: 204
--- error_log
test_slots: done, yes, yes 2, generation 2 is publishe of 9 with 1, yes 4, generation 2 is publishe of 9 with 1, yes, generation 3 is abcd of 4 with 2, yes, yes 3, generation 3 is abcd of 4 with 2, yes, generation 4 is xyz of 3 with 3
--- log_level: notice

=== TEST 4: a slot can be filled to its last byte, and no further
--- http_config
test_slots 65536 begin:A:0 fill:A:-1 fill:A:0 append:A:x commit:A:1:0 current begin:B:1000 append:B:1234567 fill:B:-1 fill:B:0 append:B:x commit:B:2:1000 current begin:C:2000 append:C:c commit:C:3:2000 current;
--- config
location = / { return 204; }
--- request
GET /
--- error_code: 204
--- error_log
test_slots: yes, no 0, yes all, no all, yes, generation 2 is ........ of all with 1, yes, yes 7, no 7, yes all, no all, yes, generation 3 is 1234567. of all with 2, yes, yes 1, yes, generation 4 is c of 1 with 3
--- log_level: notice

=== TEST 5: both slots are full and neither has a byte of the other
--- http_config
test_slots 65536 begin:A:0 append:A:left fill:A:0 commit:A:1:0 begin:B:1000 append:B:right fill:B:0 current commit:B:2:1000 current;
--- config
location = / { return 204; }
--- request
GET /
--- error_code: 204
--- error_log
test_slots: yes, yes 4, yes all, yes, yes, yes 5, yes all, generation 2 is left.... of all with 1, yes, generation 3 is right... of all with 2
--- log_level: notice

=== TEST 6: whoever begins later ends the draft before
--- http_config
test_slots 65536 begin:A:0 append:A:a begin:B:0 append:A:a commit:A:1:0 append:B:b commit:A:1:0 commit:B:2:0 current;
--- config
location = / { return 204; }
--- request
GET /
--- error_code: 204
--- error_log
test_slots: yes, yes 1, yes, no 1, no, yes 1, no, yes, generation 2 is b of 1 with 2
--- log_level: notice

=== TEST 7: nobody writes in this process while somebody reads
--- http_config
test_slots 65536 publish:one:1:0 begin:A:1000 hold append:A:a publish:two:2:1000 release append:A:a begin:A:1000 append:A:a commit:A:3:1000 current;
--- config
location = / { return 204; }
--- request
GET /
--- error_code: 204
--- error_log
test_slots: done, yes, yes, no 0, too large, yes, no 0, yes, yes 1, yes, generation 3 is a of 1 with 3
--- log_level: notice

=== TEST 8: another zone's lock opens nothing
--- http_config
test_slots 65536;
test_slots 65536 begin:A:0 append:A:a foreign begin:B:0 append:A:b commit:A:1:0 publish:one:1:0 current;
--- config
location = / { return 204; }
--- request
GET /
--- error_code: 204
--- error_log
test_slots: yes, yes 1, no, no 1, no, too soon, none
--- log_level: notice

=== TEST 9: a zone made for slots of a size has room for them, and not much more
--- http_config
test_slots for:100 room:100;
test_slots for:1000000 room:1000000;
test_slots for:20000000 room:20000000;
--- config
location = / { return 204; }
--- request
GET /
--- error_code: 204
--- error_log
test_slots: room enough
--- no_error_log
too little room
to spare
--- log_level: notice
