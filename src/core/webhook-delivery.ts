import type { StoredWebhook } from './webhook.ts';

/** `pending`: an attempt is due, under way, or planned. */
export type DeliveryState = 'pending' | 'delivered' | 'failed';

export const DELIVERY_STATES: readonly DeliveryState[] = ['pending', 'delivered', 'failed'];

/** What endpoints can be told of. `webhook.test` is sent on demand, whatever an endpoint listens to. */
export const WEBHOOK_EVENTS = ['job.complete', 'job.failed', 'job.canceled', 'webhook.endpoint_disabled'] as const;

export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number];

/** A delivery in the hands of a node: one attempt is to be made. */
export interface ClaimedDelivery {
  readonly id: string;
  /** The fencing token of this attempt. */
  readonly leaseId: number;
  readonly tenantId: string;
  /** Null for an event that is not of a job. */
  readonly jobId: string | null;
  /** Null for the webhook that the job itself brought. */
  readonly endpointId: string | null;
  readonly event: string;
  readonly eventAt: Date;
  /** The body; null = it is made of the job. */
  readonly payload: unknown;
  readonly target: string;
  /** Attempts before this one; those before the newest replay count no more towards the most. */
  readonly attempts: number;
  readonly replayedAfter: number;
  readonly webhook: StoredWebhook;
  /** Sealed: the secret that signs beside the newest one for now. */
  readonly previousSecret: string | null;
  /** Set when nothing is to be sent any more: its endpoint is disabled or deleted. */
  readonly closedReason: string | null;
}

/** What became of one attempt. */
export interface AttemptResult {
  readonly isSuccess: boolean;
  /** Null without an answer. */
  readonly status: number | null;
  /** Null on success. */
  readonly error: string | null;
  /** The beginning of the answer; null without one. */
  readonly responseBody: string | null;
  readonly durationMs: number;
}
