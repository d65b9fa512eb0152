-- One batch, of any tenant. $1 uuid. Index: batches by id, batch_counts primary key, webhook_attempts by delivery.
select b.num, b.id, b.tenant_id, b.user_id, b.status, b.total, b.succeeded + coalesce(p.succeeded, 0) as succeeded,
    b.failed + coalesce(p.failed, 0) as failed, b.cancelled + coalesce(p.cancelled, 0) as cancelled, b.callback_url,
    b.created_at, greatest(b.updated_at, p.updated_at, a.started_at) as updated_at, b.completed_at, b.first_output_at,
    a.started_at as called_at, a.status as call_status, a.error as call_error
from batches b left join lateral batch_progress(b.num) p on b.settled_at is null
left join lateral (
    select w.started_at, w.status, w.error from webhook_attempts w where w.delivery_id = b.delivery_id order by w.number desc limit 1
) a on true
where b.id = $1::uuid
