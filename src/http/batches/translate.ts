import type { Batch } from '../../core/batch.ts';
import { toSpan, toTime } from './times.ts';

const STOP_REASON = { running: null, completed: 'end_turn', failed: 'error', cancelled: 'cancelled' } as const;

/** BatchJob. */
export const toBatchJob = (batch: Batch): Readonly<Record<string, unknown>> => ({
  id: `job-${batch.id}`,
  job_type: 'batch',
  background: false,
  agent_id: null,
  created_by_id: batch.userId,
  last_updated_by_id: batch.userId,
  created_at: toTime(batch.createdAt),
  updated_at: toTime(batch.updatedAt),
  status: batch.status,
  completed_at: toTime(batch.completedAt),
  stop_reason: STOP_REASON[batch.status],
  metadata: { job_type: 'batch_messages', counts: batch.counts },
  callback_url: batch.callbackUrl,
  callback_sent_at: toTime(batch.callback?.sentAt ?? null),
  callback_status_code: batch.callback?.status ?? null,
  callback_error: batch.callback?.error ?? null,
  ttft_ns: toSpan(batch.createdAt, batch.firstOutputAt),
  total_duration_ns: toSpan(batch.createdAt, batch.completedAt),
});
