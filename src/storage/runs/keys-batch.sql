-- Runs of one batch in order. Index: jobs_by_batch. $1 bigint batch, $2 text user or null (any), $3 boolean: only userless,
-- $4 text[] states or null, $5 text stop reason or null, $6 bigint above, $7 bigint below, $8 boolean: newest first,
-- $9 integer limit.
(
    select j.id, j.num from jobs j
    where $8::boolean and j.batch_num = $1::bigint
        and ($2::text is null or j.user_id = $2::text) and (not $3::boolean or j.user_id is null)
        and ($4::text[] is null or j.state = any ($4::text[]))
        and ($5::text is null or run_stop_reason(j.state, j.outcome) = $5::text)
        and j.num > $6::bigint and j.num < $7::bigint
    order by j.num desc limit $9::integer
)
union all
(
    select j.id, j.num from jobs j
    where not $8::boolean and j.batch_num = $1::bigint
        and ($2::text is null or j.user_id = $2::text) and (not $3::boolean or j.user_id is null)
        and ($4::text[] is null or j.state = any ($4::text[]))
        and ($5::text is null or run_stop_reason(j.state, j.outcome) = $5::text)
        and j.num > $6::bigint and j.num < $7::bigint
    order by j.num limit $9::integer
)
