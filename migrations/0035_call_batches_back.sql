-- Tells clients that their batches have ended: a delivery that is written with the end itself.

-- Both null without a callback.
alter table batches add column callback jsonb;
alter table batches add column delivery_id uuid;

-- As in 0034, with the callback of each batch; times of ends have milliseconds, as clients see them.
create or replace function cancel_batch(p_batch bigint) returns boolean
language sql
set enable_seqscan = off
as $$
    update batches b set
        status = 'cancelled', completed_at = date_trunc('milliseconds', clock_timestamp()), updated_at = clock_timestamp()
    where b.num = p_batch and b.status = 'running'
    returning true
$$;

create or replace function settle_batches(p_limit integer)
returns table (id uuid, tenant_id text, status text)
language plpgsql
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
    v_num bigint;
    v_count record;
    v_batch batches;
begin
    for v_num in
        select b.num from batches b
        where b.settled_at is null and b.total <= (select p.succeeded + p.failed + p.cancelled from batch_progress(b.num) p)
        order by b.num limit p_limit
    loop
        perform 1 from batches b where b.num = v_num and b.settled_at is null for no key update skip locked;
        continue when not found;
        -- Counts only grow, and are whole now: no item ends twice.
        select * into v_count from batch_progress(v_num);
        update batches b set
            succeeded = v_count.succeeded, failed = v_count.failed, cancelled = v_count.cancelled,
            status = case when b.status = 'cancelled' then b.status when v_count.failed = b.total then 'failed' else 'completed' end,
            completed_at = coalesce(b.completed_at, date_trunc('milliseconds', clock_timestamp())),
            updated_at = clock_timestamp(), settled_at = clock_timestamp(),
            first_output_at = coalesce(b.first_output_at, batch_first_output(b.num)),
            delivery_id = case when b.callback is not null then new_ulid() end
        where b.num = v_num
        returning b.* into v_batch;
        delete from batch_counts c where c.batch_num = v_num;
        if v_batch.callback is not null then
            insert into webhook_deliveries (id, tenant_id, event, event_at, config, payload, target)
            values (
                v_batch.delivery_id, v_batch.tenant_id, 'batch.' || v_batch.status, v_batch.completed_at, v_batch.callback,
                jsonb_build_object(
                    'job_id', 'job-' || v_batch.id, 'status', v_batch.status,
                    'completed_at', to_char(v_batch.completed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
                    'metadata', jsonb_build_object('job_type', 'batch_messages', 'counts', jsonb_build_object(
                        'total', v_batch.total, 'succeeded', v_batch.succeeded, 'failed', v_batch.failed, 'cancelled', v_batch.cancelled
                    ))
                ),
                v_batch.callback ->> 'target'
            );
        end if;
        id := v_batch.id; tenant_id := v_batch.tenant_id; status := v_batch.status;
        return next;
    end loop;
end
$$;
