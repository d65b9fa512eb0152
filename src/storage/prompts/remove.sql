-- Takes prompts out of a queue. $1 bigint session, $2 uuid prompt (null = all). Index: jobs_next, jobs primary key.
select removed, lanes from remove_prompts($1::bigint, $2::uuid)
