-- The mail addresses of a tenant's users. $1 text tenant. Index: user_mail_addresses primary key.
select user_id, addresses from user_mail_addresses where tenant_id = $1::text order by user_id
