-- Counts one request; a window that has ended begins anew with it. $1 bytea key, $2 integer length of a window in ms.
-- Index: primary key.
insert into request_counts as c (key, requests, ends_at)
values ($1::bytea, 1, clock_timestamp() + $2::integer * interval '1 ms')
on conflict (key) do update set
    requests = case when c.ends_at <= excluded.ends_at - $2::integer * interval '1 ms' then 1 else c.requests + 1 end,
    ends_at = case when c.ends_at <= excluded.ends_at - $2::integer * interval '1 ms' then excluded.ends_at else c.ends_at end
returning requests, extract(epoch from ends_at - clock_timestamp())::double precision * 1000 as ends_in_ms
