-- Writes journal entries of held jobs. $1 jsonb: array of journal_entry (migrations 0006, 0010). Index: primary keys, jobs_next.
select ord, outcome, canceled, last_seq, ready_lanes, waiting from write_journal($1::jsonb)
