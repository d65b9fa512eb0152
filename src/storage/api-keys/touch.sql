-- Records when keys were last used. $1 uuid[]. Index: primary key.
update api_keys set last_used_at = clock_timestamp() where id = any ($1::uuid[])
