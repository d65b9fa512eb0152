-- The worker that has a mailbox, with its senders: its own list, else the addresses of its owner, else none. $1 text ULID,
-- $2 text mail token. Index: workers_by_mailbox, sessions_tenant_id_id_key, user_mail_addresses primary key.
select w.id, w.tenant_id, w.mail_token, s.user_id, coalesce(w.mail_senders, u.addresses, '{}') as senders
from workers w
join sessions s on s.tenant_id = w.tenant_id and s.id = w.id
left join user_mail_addresses u on u.tenant_id = w.tenant_id and u.user_id = coalesce(s.user_id, '')
where right(w.id, 26) = $1::text and w.mail_token = $2::text and w.deleted_at is null
