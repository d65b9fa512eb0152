-- Forgets the keys that have expired.
delete from session_keys where expires_at < clock_timestamp()
