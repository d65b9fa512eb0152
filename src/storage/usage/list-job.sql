-- The model calls of a job, in their order. $1 uuid, $2 integer: after this ordinal, $3 integer limit. Index: model_calls primary key.
select ordinal, provider, model, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
    cost_micros, duration_ms, at
from model_calls where job_id = $1::uuid and ordinal > $2::integer
order by ordinal
limit $3::integer
