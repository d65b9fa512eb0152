-- Runs of a tenant in order. Index: jobs_by_tenant, session_profiles primary key. $1 text tenant, $2 text[] session ids or null (any), $3 text user or null (any), $4 boolean: only userless,
-- $5 text[] states or null, $6 text stop reason or null, $7 bigint above, $8 bigint below, $9 boolean: newest first,
-- $10 integer limit.
(
    select j.id, j.num from jobs j join session_profiles p on p.session_num = j.session_num
    where $9::boolean and j.tenant_id = $1::text and ($2::text[] is null or p.session_id = any ($2::text[]))
        and ($3::text is null or j.user_id = $3::text) and (not $4::boolean or j.user_id is null)
        and ($5::text[] is null or j.state = any ($5::text[]))
        and ($6::text is null or run_stop_reason(j.state, j.outcome) = $6::text)
        and j.num > $7::bigint and j.num < $8::bigint
    order by j.num desc limit $10::integer
)
union all
(
    select j.id, j.num from jobs j join session_profiles p on p.session_num = j.session_num
    where not $9::boolean and j.tenant_id = $1::text and ($2::text[] is null or p.session_id = any ($2::text[]))
        and ($3::text is null or j.user_id = $3::text) and (not $4::boolean or j.user_id is null)
        and ($5::text[] is null or j.state = any ($5::text[]))
        and ($6::text is null or run_stop_reason(j.state, j.outcome) = $6::text)
        and j.num > $7::bigint and j.num < $8::bigint
    order by j.num limit $10::integer
)
