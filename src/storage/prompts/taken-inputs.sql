-- Input that earlier attempts of a run took, by the step before which it came. $1 bigint session, $2 uuid job.
-- Index: messages_by_job, events primary key.
select (e.data ->> 'ordinal')::integer as ordinal, m.content -> 0 ->> 'text' as text
from messages m
join events e on e.session_num = m.session_num and e.seq = m.seq
where m.job_id = $2::uuid and m.session_num = $1::bigint and e.type = 'input.steered'
order by m.seq
