-- What other nodes hold of some buses. $1 uuid holder that asks, $2 text[] buses. Index: presence primary key.
select p.bus, p.members
from presence p
where p.bus = any ($2::text[]) and p.holder <> $1::uuid and p.expires_at > clock_timestamp()
order by p.bus, p.holder
