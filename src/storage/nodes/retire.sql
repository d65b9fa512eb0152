-- Ends a node that has given its jobs back. $1 bigint node. Index: primary key.
update nodes set died_at = clock_timestamp(), expires_at = clock_timestamp() where id = $1::bigint and died_at is null
returning id
