-- Deletes a secret for good. $1 text tenant, $2 text name. Index: secrets primary key.
delete from secrets where tenant_id = $1::text and name = $2::text returning name
