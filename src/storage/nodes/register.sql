-- Registers a node. $1 text role, $2 text address, $3 integer lease in ms, $4 text life sign or null. Gives its id.
insert into nodes (role, address, expires_at, life_sign)
values ($1::text, $2::text, clock_timestamp() + $3::integer * interval '1 ms', $4::text)
returning id
