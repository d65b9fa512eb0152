-- Gives held jobs back. $1 uuid[] jobs, $2 bigint[] leases, $3 bigint[] delays in ms, $4 text reason, $5 integer: a job that has used
-- so many attempts fails instead; null = this one does not count. Index: primary keys.
select released, sessions, lanes from release_jobs($1::uuid[], $2::bigint[], $3::bigint[], $4::text, $5::integer, false)
