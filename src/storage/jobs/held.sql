-- What the table says that a node holds. $1 bigint node. Index: jobs_one_held, read whole: it has the held jobs only.
select j.id, j.lease_id, j.state = 'canceled' as canceled
from jobs j
where j.lease_id is not null and j.node_id = $1::bigint
