-- Ends a batch by its client's wish. $1 bigint. Index: primary key.
select cancel_batch($1::bigint) as cancelled
