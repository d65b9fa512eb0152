-- Begins a batch in this transaction. $1 jsonb row of batches, $2 bigint[] sessions, $3 bytea idempotency scope or null,
-- $4 bytea hash of the request, $5 text answer to keep, $6 bigint milliseconds to keep it, $7 bigint: age in ms up to which
-- the same request has made the batch, null = it is no retry. Index: batches_by_tenant, primary keys.
select batch_num, batch_id, created_at, replay, missing
from begin_batch($1::jsonb, $2::bigint[], $3::bytea, $4::bytea, $5::text, $6::bigint, $7::bigint)
