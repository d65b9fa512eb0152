-- One account. $1 text tenant, $2 text kind, $3 text id. Index: accounts primary key.
select kind, id, max_requests, max_cost_micros, requests, spent_micros, held_micros
from accounts where tenant_id = $1::text and kind = $2::text and id = $3::text
