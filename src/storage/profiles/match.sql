-- What a batch has to know of its sessions. $1 text tenant, $2 text[] ids. Index: sessions by tenant and id,
-- session_profiles primary key.
select p.session_num, p.session_id, p.tenant_id, p.user_id, p.model
from sessions s join session_profiles p on p.session_num = s.num
where s.tenant_id = $1::text and s.id = any ($2::text[]) and p.deleted_at is null
