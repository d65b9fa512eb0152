-- Asks the run of a session to stop (migration 0016). $1 bigint session, $2 text mode, $3 text reason, $4 text who,
-- $5 bigint milliseconds that the entry is kept. Index: sessions primary key, jobs primary key.
select outcome, job_id, has_ended, lanes
from request_stop($1::bigint, $2::text, $3::text, $4::text, $5::bigint)
