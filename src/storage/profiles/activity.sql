-- What sessions with profiles hold and did last. $1 bigint[] sessions. Index: messages primary key, jobs_by_session.
select s.num as session_num,
    array(
        select m.id from (
            select m.id, m.seq from messages m
            where m.session_num = s.num
                and m.seq > coalesce((select u.seq from summaries u where u.session_num = s.num order by u.seq desc limit 1), 0)
            order by m.seq desc limit 2000
        ) m order by m.seq
    ) as message_ids,
    l.state, l.started_at, l.completed_at, l.canceled_at, l.stop_reason
from unnest($1::bigint[]) n (num)
join sessions s on s.num = n.num
left join lateral (
    select j.state, j.started_at, j.completed_at, j.canceled_at,
        run_stop_reason(j.state, j.outcome) as stop_reason from jobs j
    where j.session_num = s.num and j.state in ('complete', 'failed', 'canceled')
    order by j.num desc limit 1
) l on true
