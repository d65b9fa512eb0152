-- Which of these session numbers are sessions. $1 bigint[]. Index: sessions primary key.
select num from sessions where num = any ($1::bigint[])
