-- Deletes an endpoint; its log stays, and what waits for it is over. $1 text tenant, $2 uuid id.
-- Index: webhook_endpoints primary key.
with gone as (
    update webhook_endpoints e set deleted_at = clock_timestamp(), previous_sealed = null, previous_until = null,
        config = e.config || '{"sealed": null}'
    where e.tenant_id = $1::text and e.id = $2::uuid and e.deleted_at is null
    returning e.id
)
select g.id, close_deliveries(g.id, 'The endpoint was deleted') from gone g
