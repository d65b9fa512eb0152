-- Locks a schedule of a tenant; gives the time. $1 uuid, $2 text tenant. Index: schedules primary key.
select clock_timestamp() as now from schedules where id = $1::uuid and tenant_id = $2::text for no key update
