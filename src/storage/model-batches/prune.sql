-- Forgets batches that ended long ago, with their requests, which are accounted elsewhere; one with a request whose answer a
-- run still may take stays. $1 integer days, $2 integer most batches. Index: model_batches_ended, model_requests_by_batch.
with old as materialized (
    select b.id from model_batches b
    where b.state = 'ended' and b.ended_at < clock_timestamp() - $1::integer * interval '1 day'
        and not exists (select 1 from model_requests r where r.batch_id = b.id and r.state <> 'settled')
    order by b.ended_at
    limit $2::integer
),
requests as (
    delete from model_requests r using old o where r.batch_id = o.id
)
delete from model_batches b using old o where b.id = o.id
