-- Batches with items that have not ended. $1 integer: at most so many. Index: batches_unsettled.
select num, status = 'cancelled' as is_cancelled from batches where settled_at is null order by num limit $1::integer
