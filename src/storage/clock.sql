-- The time by which everything is due.
select clock_timestamp() as now
