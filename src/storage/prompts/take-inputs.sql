-- Gives a run the input that waits for it. $1 bigint session, $2 uuid job, $3 bigint lease, $4 integer step before which it
-- comes. Index: sessions primary key, jobs_steering.
select text from take_inputs($1::bigint, $2::uuid, $3::bigint, $4::integer)
