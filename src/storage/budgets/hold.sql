-- Holds money for a job's next model call. $1 uuid job, $2 bigint wanted, $3 bigint least, in micro-dollars. Index: primary keys.
select held_micros, scope, limit_micros, used_micros from hold_spend($1::uuid, $2::bigint, $3::bigint)
