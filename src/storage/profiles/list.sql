-- Profiles of a tenant by the numbers of their sessions. $1 text tenant, $2 text user or null (any), $3 boolean: only
-- userless, $4 text[] session ids or null (any), $5 text name or null, $6 text[] tags, all of which it must have, or null,
-- $7 bigint above, $8 bigint below, $9 boolean: newest first, $10 integer limit. Index: session_profiles_by_tenant.
select p.session_num, p.tenant_id, p.session_id, p.user_id, p.name, p.model, p.instructions, p.description, p.tags,
    p.metadata, p.timezone, p.blocks, p.created_at, p.updated_at, p.updated_by
from (
    (
        select * from session_profiles p
        where $9::boolean and p.tenant_id = $1::text and p.deleted_at is null
            and ($2::text is null or p.user_id = $2::text) and (not $3::boolean or p.user_id is null)
            and ($4::text[] is null or p.session_id = any ($4::text[]))
            and ($5::text is null or p.name = $5::text) and ($6::text[] is null or p.tags @> $6::text[])
            and p.session_num > $7::bigint and p.session_num < $8::bigint
        order by p.session_num desc limit $10::integer
    )
    union all
    (
        select * from session_profiles p
        where not $9::boolean and p.tenant_id = $1::text and p.deleted_at is null
            and ($2::text is null or p.user_id = $2::text) and (not $3::boolean or p.user_id is null)
            and ($4::text[] is null or p.session_id = any ($4::text[]))
            and ($5::text is null or p.name = $5::text) and ($6::text[] is null or p.tags @> $6::text[])
            and p.session_num > $7::bigint and p.session_num < $8::bigint
        order by p.session_num limit $10::integer
    )
) p
order by case when $9::boolean then -p.session_num else p.session_num end
