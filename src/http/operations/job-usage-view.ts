import type { JobUsage } from '../../actions/read-usage.ts';
import { toDollars } from '../dollars.ts';
import { toSeconds } from '../seconds.ts';
import { toSumsView } from './usage-view.ts';

/** What one job has used, call by call. */
export const toJobUsageView = (usage: JobUsage): Readonly<Record<string, unknown>> => ({
  job_id: usage.jobId,
  parent_job_id: usage.parentJobId,
  calls: usage.calls.map((call) => ({
    ordinal: call.ordinal,
    model: `${call.provider}/${call.model}`,
    input_tokens: call.sums.inputTokens,
    cache_read_tokens: call.sums.cacheReadTokens,
    cache_write_tokens: call.sums.cacheWriteTokens,
    output_tokens: call.sums.outputTokens,
    reasoning_tokens: call.sums.reasoningTokens,
    cost_usd: toDollars(call.sums.costMicros),
    cost_micros: call.sums.costMicros,
    duration_ms: call.durationMs,
    created_at: toSeconds(call.at),
  })),
  total: toSumsView(usage.own),
  tree: { jobs: usage.tree.jobs, ...toSumsView(usage.tree) },
});
