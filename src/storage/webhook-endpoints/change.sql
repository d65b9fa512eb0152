-- Changes an endpoint; what is null stays. $1 text tenant, $2 uuid id, $3 text name, $4 jsonb config, $5 text[] events,
-- $6 boolean: enabled, which also forgives its failures; $7 text sealed secret that signs beside the new one, and $8 bigint
-- milliseconds for which it does. Index: webhook_endpoints primary key.
update webhook_endpoints e set
    name = coalesce($3::text, e.name),
    config = coalesce($4::jsonb, e.config),
    events = coalesce($5::text[], e.events),
    failures = case when $6::boolean then 0 else e.failures end,
    failing_since = case when $6::boolean then null else e.failing_since end,
    disabled_at = case when $6::boolean then null else e.disabled_at end,
    disabled_reason = case when $6::boolean then null else e.disabled_reason end,
    previous_sealed = case when $8::bigint is null then e.previous_sealed when $8::bigint > 0 then $7::text end,
    previous_until = case when $8::bigint is null then e.previous_until
                          when $8::bigint > 0 and $7::text is not null then clock_timestamp() + $8::bigint * interval '1 ms' end,
    updated_at = clock_timestamp()
where e.tenant_id = $1::text and e.id = $2::uuid and e.deleted_at is null
returning e.id, e.name, e.config, case when e.previous_until > statement_timestamp() then e.previous_until end as previous_until, e.events, e.session_id,
    e.created_at, e.updated_at, e.failures, e.failing_since, e.disabled_at, e.disabled_reason
