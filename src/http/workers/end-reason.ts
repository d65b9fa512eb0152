import type { WorkerEvent } from '../../core/worker.ts';

const REASONS: Readonly<Record<string, string>> = Object.freeze({
  stopped: 'Stopped through its session',
  interrupted: 'Interrupted by a newer input',
  expired: 'Expired in the queue',
});

/** Why a turn was canceled, by its event `job.canceled`; `Canceled` when no reason is known. */
export const cancelReason = ({ data }: Pick<WorkerEvent, 'data'>): string =>
  (typeof data['reason'] === 'string' && REASONS[data['reason']]) || 'Canceled';
