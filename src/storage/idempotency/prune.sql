-- Forgets answers that have expired. $1 integer: most rows. Index: idempotency_keys_by_expiry.
delete from idempotency_keys
where scope in (select scope from idempotency_keys where expires_at < clock_timestamp() order by expires_at limit $1::integer)
