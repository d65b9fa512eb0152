-- Says where the end of a batch is told. $1 bigint batch, $2 jsonb StoredWebhook. Index: primary key.
update batches set callback = $2::jsonb where num = $1::bigint
