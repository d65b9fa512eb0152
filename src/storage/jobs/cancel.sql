-- Cancels a job. $1 uuid, $2 text reason shown in the event (null = none). Index: jobs primary key.
select session_num, node_id, changed, lanes from cancel_job($1::uuid, $2::text)
