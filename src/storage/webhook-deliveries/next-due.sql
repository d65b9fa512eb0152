-- Milliseconds until the next planned attempt falls due, rounded up. What is due already is for the claim, not for the clock.
-- Index: webhook_deliveries_next.
select ceil(extract(epoch from d.due_at - statement_timestamp()) * 1000)::bigint as in_ms
from webhook_deliveries d
where d.state = 'pending' and d.lease_id is null and d.due_at > statement_timestamp()
order by d.due_at limit 1
