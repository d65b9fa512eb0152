-- The requests of a batch as they are handed in, always in the same order. $1 uuid batch. Index: model_requests_by_batch.
select r.id, r.variant, r.body from model_requests r where r.batch_id = $1::uuid and r.body is not null order by r.created_at, r.id
