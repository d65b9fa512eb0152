-- Names of a tenant's secrets, and when they were used. $1 text tenant. Index: secrets primary key.
select name, created_at, updated_at, last_used_at, case when previous_until > clock_timestamp() then previous_until end as previous_until
from secrets where tenant_id = $1::text order by name
