-- Sets how many jobs of a tenant may run at once. $1 text tenant, $2 integer or null (the default). Index: primary key.
update tenants set max_running = $2::integer where id = $1::text returning id
