-- Lengthens the life of all rows of a node. $1 uuid holder, $2 integer milliseconds to live. Index: presence_by_holder.
update presence set expires_at = clock_timestamp() + $2::integer * interval '1 ms'
where holder = $1::uuid
returning bus
