-- Forgets old events (migration 0018). $1 bigint milliseconds of age, $2 integer most sessions. Index: events_by_time.
select prune_events($1::bigint, $2::integer) as sessions
