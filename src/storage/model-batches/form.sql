-- Makes batches of requests that were gathered long enough (migration 0039). $1 text[] providers, $2 text[] accounts, $3
-- bigint milliseconds that requests are gathered for, $4 integer most requests and $5 bigint most bytes of one batch. Index:
-- model_requests_collecting.
select form_model_batches($1::text[], $2::text[], $3::bigint, $4::integer, $5::bigint) as formed
