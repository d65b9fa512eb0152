-- Takes an endpoint out of use and tells the others of its tenant (migration 0028). $1 uuid endpoint, $2 text reason.
select disable_endpoint($1::uuid, $2::text) as changed
