-- Makes an endpoint. $1 uuid id, $2 text tenant, $3 text name, $4 jsonb config, $5 text[] events, $6 text session or null.
insert into webhook_endpoints as e (id, tenant_id, name, config, events, session_id)
values ($1::uuid, $2::text, $3::text, $4::jsonb, $5::text[], $6::text)
returning e.id, e.name, e.config, case when e.previous_until > statement_timestamp() then e.previous_until end as previous_until, e.events, e.session_id,
    e.created_at, e.updated_at, e.failures, e.failing_since, e.disabled_at, e.disabled_reason
