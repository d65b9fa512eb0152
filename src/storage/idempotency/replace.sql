-- Gives a kept answer its final text. $1 bytea scope, $2 text. Index: primary key.
update idempotency_keys set response = $2::text where scope = $1::bytea
