import type { WorkerView } from '../../actions/read-worker.ts';
import type { ClaimedDelivery } from '../../core/webhook-delivery.ts';
import { toWorker } from './worker-view.ts';

const EVENTS: Readonly<Record<string, string>> = Object.freeze({
  'job.complete': 'turn.completed',
  'job.failed': 'turn.failed',
  'job.canceled': 'turn.canceled',
});

/** What a worker's webhook is told of the end of a turn (section 11). */
export const toTurnWebhookBody = (
  view: WorkerView,
  { event, jobId }: Pick<ClaimedDelivery, 'event' | 'jobId'>,
  base: string,
): string => JSON.stringify({ event: EVENTS[event] ?? event, job_id: jobId, worker: toWorker(view, base) });
