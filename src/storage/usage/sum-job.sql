-- What a job has used: one line of its own sums, then one of those of the job with all that it spawned. $1 uuid.
-- Index: model_calls primary key, job_budgets_by_parent.
with recursive tree as (
    select $1::uuid as job_id
    union all
    select b.job_id from tree t join job_budgets b on b.parent_job = t.job_id
),
sums as (
    select t.job_id = $1::uuid as is_own, u.*
    from tree t
    cross join lateral (
        select count(*) as calls, count(*) - count(c.cost_micros) as unknown_cost_calls, sum(c.cost_micros) as cost_micros,
            sum(c.input_tokens) as input_tokens, sum(c.cache_read_tokens) as cache_read_tokens,
            sum(c.cache_write_tokens) as cache_write_tokens, sum(c.output_tokens) as output_tokens,
            sum(c.reasoning_tokens) as reasoning_tokens
        from model_calls c where c.job_id = t.job_id
    ) u
)
select w.is_whole, count(*) as jobs, sum(s.calls)::bigint as calls, sum(s.unknown_cost_calls)::bigint as unknown_cost_calls,
    sum(s.cost_micros)::bigint as cost_micros, sum(s.input_tokens)::bigint as input_tokens,
    sum(s.cache_read_tokens)::bigint as cache_read_tokens, sum(s.cache_write_tokens)::bigint as cache_write_tokens,
    sum(s.output_tokens)::bigint as output_tokens, sum(s.reasoning_tokens)::bigint as reasoning_tokens
from sums s join (values (false), (true)) w (is_whole) on w.is_whole or s.is_own
group by w.is_whole
order by w.is_whole
