import type { JobView } from '../../actions/read-job.ts';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { ClaimedDelivery } from '../../core/webhook-delivery.ts';
import { toJobStatus } from './translate.ts';

/**
 * JobWebhookPayload, as it stood when the job ended: the same bytes in every attempt, so the bookkeeping of the webhook
 * itself is that of the first.
 */
export const toWebhookBody = (view: JobView, { event, eventAt }: ClaimedDelivery): string => {
  const { job } = view;
  const webhook = job.webhook && { ...job.webhook, attempts: 0, lastStatus: null, lastError: null, deliveredAt: null };
  const status = withoutNulls(toJobStatus({ ...view, job: { ...job, updatedAt: eventAt, webhook } }));
  const inner = Object.entries(status).filter(([key]) => INNER.includes(key));
  const trimmed = inner.map(([key, value]) => ({ [key]: withoutNulls(value as Record<string, unknown>) }));
  return canonicalJson({ event, job: Object.assign({}, status, ...trimmed) as unknown });
};

/** The objects of a job whose null keys are left out, beside those of the job itself. */
const INNER: readonly string[] = ['webhook', 'artifacts'];

const withoutNulls = (value: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== null));
