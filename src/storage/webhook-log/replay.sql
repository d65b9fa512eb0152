-- Makes a delivery due at once, with all its attempts before it; one that is on its way is left alone. $1 text tenant, $2 uuid id.
-- Index: webhook_deliveries primary key.
update webhook_deliveries d set
    state = 'pending', due_at = clock_timestamp(), replayed_after = d.attempts, updated_at = clock_timestamp()
where d.tenant_id = $1::text and d.id = $2::uuid and d.lease_id is null
returning d.id
