-- Jobs that may wait for answers of a batch. $1 uuid batch. Index: model_requests_by_batch.
select distinct r.job_id from model_requests r join jobs j on j.id = r.job_id
where r.batch_id = $1::uuid and r.state in ('answered', 'expired') and j.state = 'queued'
