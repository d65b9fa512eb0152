-- Milliseconds until a batch is to be made ($1 bigint: how long requests are gathered) or looked at; null when there is
-- none. Index: model_requests_collecting, model_batches_due.
select ceil(extract(epoch from least(
    (select min(r.created_at) from model_requests r where r.state = 'collecting') + $1::bigint * interval '1 ms',
    (select min(b.due_at) from model_batches b where b.state <> 'ended')
) - clock_timestamp()) * 1000)::bigint as in_ms
