-- Which of a provider's batches are known to be of other batches here. $1 text provider, $2 text[] their ids. Index:
-- model_batches_by_provider_id.
select provider_id from model_batches where provider = $1::text and provider_id = any ($2::text[])
