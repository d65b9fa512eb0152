-- What a job of a session with a profile works with: what was in force at its first start. $1 bigint session, $2 uuid job.
-- Index: session_profile_versions primary key, events primary key.
select v.model, v.instructions, v.blocks
from session_profile_versions v
where v.session_num = $1::bigint
    and (v.version = 1 or v.made_at <= coalesce((
        select e.at from jobs j join events e on e.session_num = j.session_num and e.seq > j.first_seq and e.job_id = j.id and e.type = 'job.started'
        where j.id = $2::uuid order by e.seq limit 1
    ), clock_timestamp()))
order by v.version desc
limit 1
