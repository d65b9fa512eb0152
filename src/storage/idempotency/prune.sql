-- Forgets answers that have expired. $1 integer: most rows. Index: idempotency_keys_by_expiry, up to now alone: the clock
-- stands in a query of its own, because by itself it is no condition for an index.
delete from idempotency_keys
where scope in (
    select scope from idempotency_keys where expires_at < (select clock_timestamp()) order by expires_at limit $1::integer
)
