-- Notes when an item first said something, for batches where it is not known yet. $1 integer: at most so many batches.
-- Index: batches_unsettled, jobs_by_batch, messages_by_job.
update batches b set first_output_at = o.at, updated_at = clock_timestamp()
from (
    select u.num, batch_first_output(u.num) as at from batches u
    where u.settled_at is null and u.first_output_at is null order by u.num limit $1::integer
) o
where b.num = o.num and o.at is not null and b.first_output_at is null
