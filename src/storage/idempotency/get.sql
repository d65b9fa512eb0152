-- A kept answer. $1 bytea scope. Index: primary key.
select request_hash, status, response from idempotency_keys where scope = $1::bytea
