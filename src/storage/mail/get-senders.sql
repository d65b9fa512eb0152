-- Who may write to a worker; no row for one that was deleted. $1 text tenant, $2 text worker, $3 text user, empty for none.
-- Index: workers and user_mail_addresses primary keys.
select w.mail_senders as own, coalesce(w.mail_senders, u.addresses, '{}') as senders
from workers w
left join user_mail_addresses u on u.tenant_id = w.tenant_id and u.user_id = $3::text
where w.tenant_id = $1::text and w.id = $2::text and w.deleted_at is null
