-- Batches of a tenant by number. $1 text tenant, $2 text user or null (any), $3 boolean: only userless, $4 text[]: only
-- those whose sessions are all among these, null = any, $5 bigint above, $6 bigint below, $7 boolean: newest first,
-- $8 integer limit. Index: batches_by_tenant, webhook_attempts by delivery.
select b.num, b.id, b.tenant_id, b.user_id, b.status, b.total, b.succeeded + coalesce(p.succeeded, 0) as succeeded,
    b.failed + coalesce(p.failed, 0) as failed, b.cancelled + coalesce(p.cancelled, 0) as cancelled, b.callback_url,
    b.created_at, greatest(b.updated_at, p.updated_at, a.started_at) as updated_at, b.completed_at, b.first_output_at,
    a.started_at as called_at, a.status as call_status, a.error as call_error
from (
    select * from batches b
    where b.tenant_id = $1::text and b.num > $5::bigint and b.num < $6::bigint
        and ($2::text is null or b.user_id = $2::text)
        and (not $3::boolean or b.user_id is null)
        and ($4::text[] is null or not exists (
            select 1 from jobs j join sessions s on s.num = j.session_num
            where j.batch_num = b.num and s.id <> all ($4::text[])
        ))
    order by case when $7::boolean then -b.num else b.num end
    limit $8::integer
) b left join lateral batch_progress(b.num) p on b.settled_at is null
left join lateral (
    select w.started_at, w.status, w.error from webhook_attempts w where w.delivery_id = b.delivery_id order by w.number desc limit 1
) a on true
order by case when $7::boolean then -b.num else b.num end
