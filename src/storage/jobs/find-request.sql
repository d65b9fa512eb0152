-- The newest job that a request with these bytes made. $1 text tenant, $2 text user or null, $3 bigint request hash,
-- $4 bigint age in ms. Index: jobs_by_tenant backwards; runs only for an SDK's retry, and stops at the age.
select j.id
from (
    select c.id, c.user_id, c.request_hash, c.created_at from jobs c
    where c.tenant_id = $1::text and c.num > coalesce((
        select o.num from jobs o
        where o.tenant_id = $1::text and o.created_at < clock_timestamp() - $4::bigint * interval '1 ms'
        order by o.num desc limit 1
    ), 0)
    order by c.num desc
) j
where j.request_hash = $3::bigint and j.user_id is not distinct from $2::text
limit 1
