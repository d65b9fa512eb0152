-- Sums of a tenant's model calls by group, in the order of the groups, after one line with the sums of all. $1 text tenant,
-- $2 timestamptz from (inclusive), $3 timestamptz to (exclusive) or null, $4 text user or null (any), $5 boolean: only
-- userless, $6 text[] session ids or null (any), $7 text[] names to group by, $8 text time zone of the days, $9 text[] the
-- group after which the page begins or null, $10 integer limit. Index: model_calls_by_tenant.
with groups as materialized (
    select
        case when 'day' = any ($7::text[]) then to_char(c.at at time zone $8::text, 'YYYY-MM-DD') else '' end as day,
        case when 'model' = any ($7::text[]) then c.provider || '/' || c.model else '' end as model,
        case when 'agent' = any ($7::text[]) then c.agent else '' end as agent,
        case when 'user' = any ($7::text[]) then coalesce(c.user_id, '') else '' end as user_id,
        case when 'session' = any ($7::text[]) then c.session_id else '' end as session_id,
        case when 'api_key' = any ($7::text[]) then coalesce(c.api_key_id, '') else '' end as api_key_id,
        case when 'job' = any ($7::text[]) then c.job_id::text else '' end as job_id,
        case when 'root_job' = any ($7::text[]) then c.root_job::text else '' end as root_job,
        count(*) as calls, count(*) - count(c.cost_micros) as unknown_cost_calls, sum(c.cost_micros) as cost_micros,
        sum(c.input_tokens) as input_tokens, sum(c.cache_read_tokens) as cache_read_tokens,
        sum(c.cache_write_tokens) as cache_write_tokens, sum(c.output_tokens) as output_tokens,
        sum(c.reasoning_tokens) as reasoning_tokens
    from model_calls c
    where c.tenant_id = $1::text and c.at >= $2::timestamptz and c.at < coalesce($3::timestamptz, 'infinity')
        and ($4::text is null or c.user_id = $4::text)
        and (not $5::boolean or c.user_id is null)
        and ($6::text[] is null or c.session_id = any ($6::text[]))
    group by 1, 2, 3, 4, 5, 6, 7, 8
),
page as (
    select (array[g.day, g.model, g.agent, g.user_id, g.session_id, g.api_key_id, g.job_id, g.root_job]) collate "C" as key,
        g.calls, g.unknown_cost_calls, g.cost_micros, g.input_tokens, g.cache_read_tokens, g.cache_write_tokens,
        g.output_tokens, g.reasoning_tokens
    from groups g
    where $9::text[] is null
        or (array[g.day, g.model, g.agent, g.user_id, g.session_id, g.api_key_id, g.job_id, g.root_job]) collate "C" > $9::text[]
    order by 1
    limit $10::integer
)
select null::text[] as key, coalesce(sum(g.calls), 0)::bigint as calls,
    coalesce(sum(g.unknown_cost_calls), 0)::bigint as unknown_cost_calls, sum(g.cost_micros)::bigint as cost_micros,
    sum(g.input_tokens)::bigint as input_tokens, sum(g.cache_read_tokens)::bigint as cache_read_tokens,
    sum(g.cache_write_tokens)::bigint as cache_write_tokens, sum(g.output_tokens)::bigint as output_tokens,
    sum(g.reasoning_tokens)::bigint as reasoning_tokens
from groups g
union all
(
    select p.key, p.calls, p.unknown_cost_calls, p.cost_micros::bigint, p.input_tokens::bigint, p.cache_read_tokens::bigint,
        p.cache_write_tokens::bigint, p.output_tokens::bigint, p.reasoning_tokens::bigint
    from page p order by p.key
)
