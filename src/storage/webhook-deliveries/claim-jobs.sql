-- Takes due deliveries of certain jobs (migration 0029). $1 bigint node, $2 uuid[] jobs, $3 text[] targets with attempts under
-- way and $4 integer[] how many more each may have, $5 integer for every other target, $6 integer: most deliveries.
select * from claim_job_deliveries($1::bigint, $2::uuid[], $3::text[], $4::integer[], $5::integer, $6::integer)
