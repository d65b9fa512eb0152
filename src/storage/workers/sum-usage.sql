-- What all turns of a session used, with all that they spawned. $1 bigint session. Index: jobs_by_session,
-- model_calls_by_root, steps primary key.
select count(*)::bigint as calls, (count(*) - count(c.cost_micros))::bigint as unknown_cost_calls,
    coalesce(sum(c.cost_micros), 0)::bigint as cost_micros,
    coalesce(sum(c.cost_micros) filter (where s.name = 'compact'), 0)::bigint as internal_cost_micros,
    coalesce(sum(c.input_tokens), 0)::bigint as input_tokens, coalesce(sum(c.output_tokens), 0)::bigint as output_tokens,
    coalesce(sum(c.cache_read_tokens), 0)::bigint as cache_read_tokens,
    coalesce(sum(c.cache_write_tokens), 0)::bigint as cache_write_tokens,
    coalesce(sum(c.reasoning_tokens), 0)::bigint as reasoning_tokens
from jobs j
join model_calls c on c.root_job = j.id
left join steps s on s.job_id = c.job_id and s.ordinal = c.ordinal
where j.session_num = $1::bigint
