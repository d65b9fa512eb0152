-- Writes journal entries of held jobs. $1 jsonb: array of journal_entry (migration 0006). Index: primary keys, jobs_next.
select ord, outcome, canceled, last_seq, ready_lanes from write_journal($1::jsonb)
