-- Reads a secret to use it, and writes down that it was used, at most once a minute. $1 text tenant, $2 text name.
-- Index: secrets primary key.
with noted as (
    update secrets set last_used_at = clock_timestamp()
    where tenant_id = $1::text and name = $2::text
        and (last_used_at is null or last_used_at < clock_timestamp() - interval '1 minute')
)
select sealed, case when previous_until > clock_timestamp() then previous_sealed end as previous_sealed
from secrets where tenant_id = $1::text and name = $2::text
