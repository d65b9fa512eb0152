-- Forgets nodes that died more than a day ago and hold nothing. Index: none, the table is small.
delete from nodes n
where n.died_at < clock_timestamp() - interval '1 day'
    and not exists (select 1 from jobs j where j.lease_id is not null and j.node_id = n.id)
returning n.id
