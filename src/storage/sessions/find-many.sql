-- Those of some sessions that exist. $1 text[] tenants, $2 text[] ids, pair by pair. Index: sessions (tenant_id, id).
select s.num, s.tenant_id, s.id, s.user_id, s.created_at
from unnest($1::text[], $2::text[]) w (tenant_id, id)
join sessions s on s.tenant_id = w.tenant_id and s.id = w.id
