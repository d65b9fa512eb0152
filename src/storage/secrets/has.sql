-- Whether a tenant has a secret of that name. $1 text tenant, $2 text name. Index: secrets primary key.
select 1 as found from secrets where tenant_id = $1::text and name = $2::text
