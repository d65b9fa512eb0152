-- The newest attempts of a delivery, oldest first. $1 uuid delivery, $2 integer limit.
-- Index: webhook_attempts_delivery_id_number_key backwards.
select n.number, n.url, n.status, n.error, n.response_body, n.duration_ms, n.started_at from (
    select a.number, a.url, a.status, a.error, a.response_body, a.duration_ms, a.started_at
    from webhook_attempts a where a.delivery_id = $1::uuid order by a.number desc limit $2::integer
) n order by n.number
