-- Ends batches whose items have all ended. $1 integer: at most so many. Index: batches_unsettled, batch_counts primary key.
select id, tenant_id, status from settle_batches($1::integer)
