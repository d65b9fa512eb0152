-- The journal of a job. $1 uuid. Index: steps primary key.
select ordinal, kind, name, state, input, output from steps where job_id = $1::uuid order by ordinal
