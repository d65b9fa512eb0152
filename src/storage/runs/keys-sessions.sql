-- Runs of certain sessions in order, at most so many of each. Index: sessions by tenant and id, jobs_by_session. $1 text tenant,
-- $2 text[] session ids, $3 text user or null (any), $4 boolean: only userless, $5 text[] states or null, $6 text stop reason
-- or null, $7 bigint above, $8 bigint below, $9 boolean: newest first, $10 integer limit.
select k.id, k.num
from sessions s
join session_profiles p on p.session_num = s.num
cross join lateral (
    (
        select j.id, j.num from jobs j
        where $9::boolean and j.session_num = s.num
            and ($3::text is null or j.user_id = $3::text) and (not $4::boolean or j.user_id is null)
            and ($5::text[] is null or j.state = any ($5::text[]))
            and ($6::text is null or run_stop_reason(j.state, j.outcome) = $6::text)
            and j.num > $7::bigint and j.num < $8::bigint
        order by j.num desc limit $10::integer
    )
    union all
    (
        select j.id, j.num from jobs j
        where not $9::boolean and j.session_num = s.num
            and ($3::text is null or j.user_id = $3::text) and (not $4::boolean or j.user_id is null)
            and ($5::text[] is null or j.state = any ($5::text[]))
            and ($6::text is null or run_stop_reason(j.state, j.outcome) = $6::text)
            and j.num > $7::bigint and j.num < $8::bigint
        order by j.num limit $10::integer
    )
) k
where s.tenant_id = $1::text and s.id = any ($2::text[])
order by case when $9::boolean then -k.num else k.num end
limit $10::integer
