-- Gives back what jobs hold that were never accepted. $1 uuid[]. Index: job_budgets primary key.
select close_budgets($1::uuid[]) as waiting
