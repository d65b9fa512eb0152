-- Replaces what a node holds of some buses. $1 uuid holder, $2 jsonb [{"bus", "members"}], $3 integer milliseconds to live.
-- Index: presence primary key.
insert into presence (bus, holder, members, expires_at)
select i ->> 'bus', $1::uuid, i -> 'members', clock_timestamp() + $3::integer * interval '1 ms'
from jsonb_array_elements($2::jsonb) i
order by i ->> 'bus'
on conflict (bus, holder) do update set members = excluded.members, expires_at = excluded.expires_at
