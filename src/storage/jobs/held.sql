-- What the table says that a node holds, and whether there is news for the run. $1 bigint node. Index: jobs_one_held, read
-- whole (it has the held jobs only), session_stops primary key, jobs_steering.
select
    j.id, j.lease_id, j.state = 'canceled' as canceled,
    exists (select 1 from session_stops t where t.session_num = j.session_num and t.job_id = j.id)
    or exists (
        select 1 from jobs i
        where i.session_num = j.session_num and i.state = 'queued' and i.kind = 'steer' and i.attempts = 0
    ) as has_news
from jobs j
where j.lease_id is not null and j.node_id = $1::bigint
