-- Takes due batches (migration 0039). $1 bigint node, $2 text[] providers, $3 text[] accounts, $4 uuid[] batches that the
-- node is at work on, $5 integer most. Index: model_batches_due.
select id, claim_num, provider, state, provider_id, requests, refusals, attempted_at, attempted_ms, submitted_ms
from claim_model_batches($1::bigint, $2::text[], $3::text[], $4::uuid[], $5::integer)
