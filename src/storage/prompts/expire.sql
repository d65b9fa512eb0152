-- Takes out prompts whose time is over. $1 integer most of them. Index: jobs_expiring.
select sessions, lanes from expire_prompts($1::integer)
