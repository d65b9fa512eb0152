-- Lets one transaction at a time add schedules to a tenant. $1 text tenant.
select pg_advisory_xact_lock(hashtextextended($1::text, 24)), clock_timestamp() as now
