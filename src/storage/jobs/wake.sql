-- Wakes a parked job. $1 uuid. Index: jobs primary key.
select wake_job($1::uuid) as lanes
