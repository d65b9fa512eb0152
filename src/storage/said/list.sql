-- What was said in a session with a profile, or by one of its jobs. $1 bigint session or null, $2 uuid job or null, $3 bigint
-- above this seq, $4 bigint below, $5 boolean: newest first, $6 integer limit. Each branch but one is a filter that is never
-- passed. Index: messages primary key, messages_by_job, primary keys.
select m.id, j.id as job_id, s.id as session_id, m.seq, m.created_at, coalesce(i.role, m.role) as role,
    coalesce(i.content, m.content) as content, i.job_id is not null as is_input, j.batch_num is not null as is_item,
    i.name, i.otid, i.sender_id, i.group_id, v.model, t.name as tool_name
from (
    (
        select * from messages m
        where $1::bigint is not null and $5::boolean and m.session_num = $1::bigint and m.seq > $3::bigint and m.seq < $4::bigint
        order by m.seq desc limit $6::integer
    )
    union all
    (
        select * from messages m
        where $1::bigint is not null and not $5::boolean and m.session_num = $1::bigint and m.seq > $3::bigint and m.seq < $4::bigint
        order by m.seq limit $6::integer
    )
    union all
    (
        select * from messages m
        where $2::uuid is not null and $5::boolean and m.job_id = $2::uuid and m.seq > $3::bigint and m.seq < $4::bigint
        order by m.seq desc limit $6::integer
    )
    union all
    (
        select * from messages m
        where $2::uuid is not null and not $5::boolean and m.job_id = $2::uuid and m.seq > $3::bigint and m.seq < $4::bigint
        order by m.seq limit $6::integer
    )
) m
join sessions s on s.num = m.session_num
left join jobs j on j.id = m.job_id
left join batch_inputs i on j.batch_num is not null and i.job_id = m.job_id and i.id = m.id
left join lateral (
    select v.model from session_profile_versions v
    where v.session_num = m.session_num and (v.version = 1 or v.made_at <= m.created_at) order by v.version desc limit 1
) v on m.role = 'assistant'
left join lateral (
    select b ->> 'name' as name from messages a cross join lateral jsonb_array_elements(a.content) b
    where m.content -> 0 ->> 'type' = 'tool_result' and a.job_id = m.job_id and a.seq < m.seq and a.role = 'assistant'
        and b ->> 'type' = 'tool_use' and b ->> 'id' = m.content -> 0 ->> 'tool_use_id'
    order by a.seq desc limit 1
) t on true
order by case when $5::boolean then -m.seq else m.seq end
