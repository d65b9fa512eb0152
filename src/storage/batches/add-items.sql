-- Adds items to a batch of this transaction. $1 bigint batch, $2 smallint priority, $3 jsonb budget, $4 jsonb items.
-- Index: primary keys.
select add_batch_items($1::bigint, $2::smallint, $3::jsonb, $4::jsonb)
