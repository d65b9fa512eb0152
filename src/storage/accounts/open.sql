-- Makes the account of a tenant, and those of a session and an API key where given, and takes the tenant's mutex until the
-- end of the transaction. $1 text tenant, $2 text session or null, $3 text API key or null. Index: accounts primary key.
select open_accounts($1::text, $2::text, $3::text)
