-- Keeps the answer of a request under its Idempotency-Key; no row when the key is taken. $1 bytea scope, $2 bytea request hash,
-- $3 text answer, $4 bigint ms to keep. Index: idempotency_keys primary key.
insert into idempotency_keys (scope, request_hash, status, response, expires_at)
values ($1::bytea, $2::bytea, 200, $3::text, clock_timestamp() + $4::bigint * interval '1 ms')
on conflict (scope) do nothing
returning status
