-- Requests of jobs that have ended without taking their answers. $1 integer most. Index: model_requests_loose.
select r.id, r.provider, r.model, r.status, r.answer from model_requests r join jobs j on j.id = r.job_id
where r.state in ('collecting', 'answered', 'expired') and j.state not in ('queued', 'running') and j.lease_id is null
limit $1::integer
