-- Hides a profile. $1 bigint session. Index: primary key.
update session_profiles set deleted_at = clock_timestamp() where session_num = $1::bigint and deleted_at is null
returning session_num
