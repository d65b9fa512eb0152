-- Living nodes that show a sign of life. Index: none, the table is small.
select id, life_sign from nodes where died_at is null and life_sign is not null
