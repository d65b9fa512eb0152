-- Retires an agent, once. $1 text tenant, $2 text name. Index: agents primary key.
update agents set retired_at = coalesce(retired_at, clock_timestamp())
where tenant_id = $1::text and name = $2::text
returning retired_at
