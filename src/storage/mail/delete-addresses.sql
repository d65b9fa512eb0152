-- Forgets the mail addresses of a user. $1 text tenant, $2 text user. Index: user_mail_addresses primary key.
delete from user_mail_addresses where tenant_id = $1::text and user_id = $2::text
