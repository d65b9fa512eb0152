-- A session number that no other session will have. Index: none, it reads a sequence.
select nextval(pg_get_serial_sequence('sessions', 'num')) as num
