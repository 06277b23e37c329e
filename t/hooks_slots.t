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

=== TEST 10: the idle slot is emptied piece by piece, a second after a publication, and what is published stays
--- http_config
test_slots 65536 cleared publish:one:1:0 publish:second:2:1000 cleared begin:A:1999 begin:A:2000 clear:A:9000 clear:A:9000 cleared clear:A:99999 cleared current publish:third:3:2000 cleared current;
--- config
location = / { return 204; }
--- request
GET /
--- error_code: 204
--- error_log
test_slots: yes, done, done, no, no, yes, yes 9000, yes 18000, no, no all, yes, generation 3 is second of 6 with 2, done, no, generation 4 is third of 5 with 3
--- log_level: notice

=== TEST 11: emptying ends a draft, and a draft ends emptying: none publishes what was emptied
--- http_config
test_slots 65536 publish:one:1:0 begin:A:1000 append:A:aa begin:B:1000 append:A:aa clear:B:9000 commit:A:2:1000 begin:C:1000 append:C:cc clear:B:99999 cleared append:C:cc commit:C:3:1000 cleared current;
--- config
location = / { return 204; }
--- request
GET /
--- error_code: 204
--- error_log
test_slots: done, yes, yes 2, yes, no 2, yes 9000, no, yes, yes 2, no 9000, no, yes 4, yes, no, generation 3 is cccc of 4 with 3
--- log_level: notice

=== TEST 12: nothing is emptied where somebody reads, under another zone's lock, or before anything is published
--- http_config
test_slots 65536;
test_slots 65536 begin:E:0 clear:E:9 publish:one:1:0 begin:A:1000 hold clear:A:9 cleared release clear:A:9 foreign clear:A:9 begin:A:1000 cleared;
--- config
location = / { return 204; }
--- request
GET /
--- error_code: 204
--- error_log
test_slots: yes, no 0, done, yes, yes, no 0, no, yes, yes 9, no 9, no, no
--- log_level: notice

=== TEST 13: workers leave what the master lays there alone for ten seconds, unless it is published; the master does not
--- http_config
test_slots 65536 publish:one:1:0 begin:A:5000 append:A:a lay:M:mm:5000 append:A:a begin:A:14999 publish:two:2:14999 lay:N:nnn:5001 commit:M:3:5001 begin:A:15001 append:A:a commit:N:4:15001 lay:O:oo:20000 commit:O:5:20000 current begin:A:20999 begin:A:21000 lay:P:p:21999 commit:O:6:30000;
--- config
location = / { return 204; }
--- request
GET /
--- error_code: 204
--- error_log
test_slots: done, yes, yes 1, yes, no 1, no, too soon, yes, no, yes, yes 1, no, yes, yes, generation 3 is oo of 2 with 5, no, yes, yes, no
--- log_level: notice

=== TEST 14: for its memory alone a draft of the master's is taken after ten minutes: a reload may be slow
--- http_config
test_slots 65536 publish:one:1:0 lay:M:mm:5000 begin_to_clear:A:14999 begin_to_clear:A:604999 commit:M:2:604999 current lay:N:n:700000 begin_to_clear:A:1300000 commit:N:3:1300000 current;
--- config
location = / { return 204; }
--- request
GET /
--- error_code: 204
--- error_log
test_slots: done, yes, no, no, yes, generation 3 is mm of 2 with 2, yes, yes, no, generation 3 is mm of 2 with 2
--- log_level: notice
