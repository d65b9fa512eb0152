-- Number of schedules of a tenant. $1 text tenant. Index: schedules_by_tenant.
select count(*) as count from schedules where tenant_id = $1::text
