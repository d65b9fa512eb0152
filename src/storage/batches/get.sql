-- One batch, of any tenant. $1 uuid. Index: batches by id, batch_counts primary key.
select b.num, b.id, b.tenant_id, b.user_id, b.status, b.total, b.succeeded + coalesce(p.succeeded, 0) as succeeded,
    b.failed + coalesce(p.failed, 0) as failed, b.cancelled + coalesce(p.cancelled, 0) as cancelled, b.callback_url,
    b.created_at, greatest(b.updated_at, p.updated_at) as updated_at, b.completed_at, b.first_output_at
from batches b left join lateral batch_progress(b.num) p on b.settled_at is null
where b.id = $1::uuid
