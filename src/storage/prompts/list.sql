-- Prompts of a session that wait, in their order (migration 0017). $1 bigint session. Index: jobs_next.
select id, question, user_id, created_at, expires_at, place from waiting_prompts($1::bigint) order by place
