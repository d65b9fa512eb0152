-- Forgets windows that have ended. $1 integer: most rows. Index: request_counts_by_end, up to now alone: the clock stands in
-- a query of its own, because by itself it is no condition for an index.
delete from request_counts
where key in (
    select key from request_counts where ends_at < (select clock_timestamp()) order by ends_at limit $1::integer
)
