-- Removes a schedule with its runs; its jobs stay. $1 uuid, $2 text tenant. Index: schedules primary key.
delete from schedules where id = $1::uuid and tenant_id = $2::text returning id
