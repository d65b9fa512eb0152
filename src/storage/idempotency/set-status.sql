-- Changes the status of a kept answer. $1 bytea scope, $2 smallint. Index: primary key.
update idempotency_keys set status = $2::smallint where scope = $1::bytea
