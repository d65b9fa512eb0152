-- Sets a secret, made when missing. $1 text tenant, $2 text name, $3 text sealed value, $4 bigint: milliseconds that the value
-- before counts on, 0 = not at all. Index: secrets primary key.
insert into secrets as s (tenant_id, name, sealed) values ($1::text, $2::text, $3::text)
on conflict (tenant_id, name) do update set
    sealed = excluded.sealed,
    previous_sealed = case when $4::bigint > 0 then s.sealed end,
    previous_until = case when $4::bigint > 0 then clock_timestamp() + $4::bigint * interval '1 ms' end,
    updated_at = clock_timestamp()
returning name, created_at, updated_at, last_used_at, previous_until
