-- Makes a prompt the next of its session. $1 bigint session, $2 uuid prompt. Index: jobs_next, jobs primary key.
select promote_prompt($1::bigint, $2::uuid) as lanes
