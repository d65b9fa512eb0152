-- Puts due heads into the claim index. $1 integer: most sessions at once. Index: sessions_delayed.
select lanes, promoted, next_in_ms from promote_sessions($1::integer)
