-- Forgets the keys that have expired. Index: none, it reads them all every ten minutes.
delete from session_keys where expires_at < clock_timestamp()
