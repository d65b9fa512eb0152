-- What was said to an item of a batch at its start, in order. $1 uuid job. Index: batch_inputs primary key, messages_by_job.
select m.seq, m.role, m.content
from messages m join batch_inputs i on i.job_id = m.job_id and i.id = m.id
where m.job_id = $1::uuid
order by m.seq
