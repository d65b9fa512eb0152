-- Cancels a job. $1 uuid. Index: jobs primary key.
select session_num, node_id, changed, lanes from cancel_job($1::uuid)
