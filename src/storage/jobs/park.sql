-- Parks a held job. $1 uuid job, $2 bigint lease, $3 bigint longest wait in ms, $4 text reason. Index: primary keys.
select released, sessions, lanes from park_job($1::uuid, $2::bigint, $3::bigint, $4::text)
