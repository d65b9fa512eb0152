-- Takes back the attempts of nodes that are gone. Index: webhook_deliveries_held; nodes primary key.
update webhook_deliveries d set lease_id = null, node_id = null
where d.lease_id is not null
    and not exists (
        select 1 from nodes n where n.id = d.node_id and n.died_at is null and n.expires_at > clock_timestamp()
    )
returning d.id
