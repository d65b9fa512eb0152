-- The same for failed deliveries, oldest first, whose endpoints are in use. $1 text tenant, $2 timestamptz: written since,
-- $3 uuid endpoint or null (any), $4 integer limit. Index: webhook_deliveries_failed; webhook_endpoints primary key.
with failed as (
    select d.id from webhook_deliveries d
    where d.tenant_id = $1::text and d.state = 'failed' and d.created_at >= $2::timestamptz
        and ($3::uuid is null or d.endpoint_id = $3::uuid)
        and not exists (
            select 1 from webhook_endpoints e
            where e.id = d.endpoint_id and (e.disabled_at is not null or e.deleted_at is not null)
        )
    order by d.id limit $4::integer
    for update of d skip locked
)
update webhook_deliveries d set
    state = 'pending', due_at = clock_timestamp(), replayed_after = d.attempts, updated_at = clock_timestamp()
from failed f where d.id = f.id
returning d.id
