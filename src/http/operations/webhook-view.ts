import { toWebhookId } from '../../core/webhook-id.ts';
import { deliveryBounds } from '../../core/webhook-retry.ts';
import type { WebhookEndpoint } from '../../storage/webhook-endpoints.ts';
import type { LoggedAttempt, LoggedDelivery } from '../../storage/webhook-log.ts';
import { toSeconds } from '../seconds.ts';

/** An endpoint without its headers and secrets, which nobody gets to see. */
export const toEndpointView = (endpoint: WebhookEndpoint): Readonly<Record<string, unknown>> => {
  const { timeoutMs, maxAttempts } = deliveryBounds(endpoint.config);
  return {
    id: endpoint.id,
    name: endpoint.name,
    url: endpoint.config.url,
    events: endpoint.events.length === 0 ? null : endpoint.events,
    session_id: endpoint.sessionId,
    secret_ref: endpoint.config.secret_ref,
    previous_secret_until: toSeconds(endpoint.previousUntil),
    timeout_seconds: timeoutMs / 1_000,
    max_attempts: maxAttempts,
    enabled: endpoint.disabledAt === null,
    disabled_at: toSeconds(endpoint.disabledAt),
    disabled_reason: endpoint.disabledReason,
    failures: endpoint.failures,
    failing_since: toSeconds(endpoint.failingSince),
    created_at: toSeconds(endpoint.createdAt),
    updated_at: toSeconds(endpoint.updatedAt),
  };
};

export const toDeliveryView = (delivery: LoggedDelivery): Readonly<Record<string, unknown>> => ({
  id: toWebhookId(delivery.id),
  event: delivery.event,
  url: delivery.url,
  job_id: delivery.jobId,
  endpoint_id: delivery.endpointId,
  state: delivery.state,
  attempts: delivery.attempts,
  next_attempt_at: toSeconds(delivery.dueAt),
  last_status: delivery.lastStatus,
  last_error: delivery.lastError,
  delivered_at: toSeconds(delivery.deliveredAt),
  created_at: toSeconds(delivery.createdAt),
  updated_at: toSeconds(delivery.updatedAt),
});

export const toAttemptView = (attempt: LoggedAttempt): Readonly<Record<string, unknown>> => ({
  number: attempt.number,
  url: attempt.url,
  status: attempt.status,
  error: attempt.error,
  response_body: attempt.responseBody,
  duration_ms: attempt.durationMs,
  started_at: toSeconds(attempt.startedAt),
});
