-- Makes a tenant and, if given, a user known. $1 text tenant, $2 text user or null. Index: primary keys.
with tenant as (
    insert into tenants (id) values ($1::text) on conflict (id) do nothing
)
insert into users (tenant_id, id)
select $1::text, $2::text where $2::text is not null
on conflict (tenant_id, id) do nothing
