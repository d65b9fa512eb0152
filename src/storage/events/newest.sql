-- Newest seq of each of these sessions. $1 bigint[] sessions. Index: sessions primary key.
select s.num, s.event_seq as newest from sessions s where s.num = any ($1::bigint[])
