-- Names of the agents of a tenant. $1 text tenant. Index: agents primary key.
select name from agents where tenant_id = $1::text and retired_at is null order by name
