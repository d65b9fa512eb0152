-- Requests of a batch that have no answer yet. $1 uuid batch. Index: model_requests_by_batch.
select r.id from model_requests r where r.batch_id = $1::uuid and r.state = 'submitted'
