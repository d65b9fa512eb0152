-- Newest schedule that a request made within an age. $1 text tenant, $2 text user or null, $3 bigint request hash,
-- $4 bigint ms. Index: schedules_by_request.
select id from schedules
where tenant_id = $1::text and user_id is not distinct from $2::text and request_hash = $3::bigint
    and created_at > clock_timestamp() - $4::bigint * interval '1 ms'
order by created_at desc limit 1
