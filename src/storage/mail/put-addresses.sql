-- Sets the mail addresses of a user. $1 text tenant, $2 text user, empty for none, $3 text[] addresses, at least one.
-- Index: user_mail_addresses primary key.
insert into user_mail_addresses (tenant_id, user_id, addresses) values ($1::text, $2::text, $3::text[])
on conflict (tenant_id, user_id) do update set addresses = excluded.addresses, updated_at = clock_timestamp()
