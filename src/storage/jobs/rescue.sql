-- Takes the jobs of dead nodes back. $1 integer: most jobs, $2 integer: attempts a job has. Index: jobs_one_held.
select dead, released, sessions, lanes from rescue_jobs($1::integer, $2::integer)
