-- Profiles of a tenant by the ids of their sessions, without those that are hidden. $1 text tenant, $2 text[] ids.
-- Index: sessions by tenant and id, session_profiles primary key.
select p.session_num, p.tenant_id, p.session_id, p.user_id, p.name, p.model, p.instructions, p.description, p.tags,
    p.metadata, p.timezone, p.blocks, p.created_at, p.updated_at, p.updated_by
from sessions s join session_profiles p on p.session_num = s.num
where s.tenant_id = $1::text and s.id = any ($2::text[]) and p.deleted_at is null
