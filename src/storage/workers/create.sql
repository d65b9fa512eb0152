-- Makes the row of a worker, whose session comes after it. $1 text tenant, $2 text id, $3 text mail token.
-- Index: workers primary key.
insert into workers (tenant_id, id, mail_token) values ($1::text, $2::text, $3::text)
on conflict (tenant_id, id) do nothing
