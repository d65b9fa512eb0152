import type { Run, RunUsage } from '../../core/run.ts';
import { toDollars } from '../dollars.ts';
import { toSpan, toTime } from './times.ts';

const STATUS = {
  queued: 'created',
  running: 'running',
  complete: 'completed',
  failed: 'failed',
  canceled: 'cancelled',
} as const;

/** Run. */
export const toRunView = (run: Run): Readonly<Record<string, unknown>> => ({
  id: `run-${run.jobId}`,
  agent_id: run.sessionId,
  status: STATUS[run.state],
  stop_reason: run.stopReason,
  created_at: toTime(run.createdAt),
  completed_at: toTime(run.endedAt),
  metadata: {
    ...run.metadata,
    job_status: run.state,
    ...(run.batchId === null
      ? {}
      : {
          batch_id: `job-${run.batchId}`,
          batch_item_id: `batch_item-${run.jobId}`,
          cost_usd: toDollars(run.usage.costMicros),
        }),
    ...(run.state === 'failed' ? { error: run.error } : {}),
  },
  background: true,
  request_config: null,
  callback_url: null,
  callback_sent_at: null,
  callback_status_code: null,
  callback_error: null,
  conversation_id: null,
  base_template_id: null,
  ttft_ns: toSpan(run.startedAt, run.firstOutputAt),
  total_duration_ns: toSpan(run.startedAt, run.endedAt),
});

/** Tokens of a run. */
export const toUsageView = (usage: RunUsage): Readonly<Record<string, unknown>> => {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, reasoningTokens } = usage;
  return {
    completion_tokens: outputTokens ?? 0,
    prompt_tokens: inputTokens ?? 0,
    total_tokens: (inputTokens ?? 0) + (outputTokens ?? 0),
    prompt_tokens_details:
      inputTokens === null
        ? null
        : {
            cached_tokens: cacheReadTokens,
            cache_read_tokens: cacheReadTokens,
            cache_creation_tokens: cacheWriteTokens,
          },
    completion_tokens_details: outputTokens === null ? null : { reasoning_tokens: reasoningTokens },
  };
};

/** An item of a batch with all that is known of it; beside the contract. */
export const toItemView = (run: Run): Readonly<Record<string, unknown>> => ({
  id: `batch_item-${run.jobId}`,
  run_id: `run-${run.jobId}`,
  job_id: run.jobId,
  agent_id: run.sessionId,
  status: STATUS[run.state],
  stop_reason: run.stopReason,
  error: run.error,
  attempts: run.attempts,
  created_at: toTime(run.createdAt),
  started_at: toTime(run.startedAt),
  completed_at: toTime(run.endedAt),
  usage: toUsageView(run.usage),
  cost_usd: toDollars(run.usage.costMicros),
});
