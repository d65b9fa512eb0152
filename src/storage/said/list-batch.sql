-- What was said in a batch, in order of its places. $1 bigint batch, $2 bigint session or null (all), $3 integer, $4 timestamptz,
-- $5 bigint, $6 bigint: above this place, part null = from the first; $7, $8, $9, $10 the same: below it; $11 boolean: newest first,
-- $12 integer limit. Index: jobs_by_batch, messages_by_job, batch_inputs primary key.
with page as (
    select p.*, row_number() over (order by
        case when $11::boolean then p.part end desc, case when $11::boolean then p.at end desc,
        case when $11::boolean then p.num end desc, case when $11::boolean then p.ord end desc,
        p.part, p.at, p.num, p.ord
    ) as line
    from batch_places($1::bigint, $2::bigint) p
    where ($3::integer is null or (p.part, p.at, p.num, p.ord) > ($3::integer, $4::timestamptz, $5::bigint, $6::bigint))
        and ($7::integer is null or (p.part, p.at, p.num, p.ord) < ($7::integer, $8::timestamptz, $9::bigint, $10::bigint))
    order by line limit $12::integer
)
select p.id, p.job_id, s.id as session_id, p.ord as seq, p.at as created_at, coalesce(i.role, m.role) as role,
    coalesce(i.content, m.content, jsonb_build_array(jsonb_build_object('type', 'text', 'text', j.question))) as content,
    p.part = 0 as is_input, true as is_item, i.name, i.otid, i.sender_id, i.group_id, v.model, t.name as tool_name
from page p
join jobs j on j.id = p.job_id
join sessions s on s.num = p.session_num
left join batch_inputs i on p.part = 0 and i.job_id = p.job_id and i.place = p.ord
left join messages m on p.part = 1 and m.session_num = p.session_num and m.seq = p.ord
left join lateral (
    select v.model from session_profile_versions v
    where v.session_num = p.session_num and (v.version = 1 or v.made_at <= p.at) order by v.version desc limit 1
) v on m.role = 'assistant'
left join lateral (
    select b ->> 'name' as name from messages a cross join lateral jsonb_array_elements(a.content) b
    where m.content -> 0 ->> 'type' = 'tool_result' and a.job_id = m.job_id and a.seq < m.seq and a.role = 'assistant'
        and b ->> 'type' = 'tool_use' and b ->> 'id' = m.content -> 0 ->> 'tool_use_id'
    order by a.seq desc limit 1
) t on true
order by p.line
