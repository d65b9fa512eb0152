-- Renews the lease of a node, and with it of all its jobs. $1 bigint node, $2 integer lease in ms. No row: it is lost.
-- Index: primary key.
update nodes set expires_at = clock_timestamp() + $2::integer * interval '1 ms'
where id = $1::bigint and died_at is null and expires_at > clock_timestamp()
returning id
