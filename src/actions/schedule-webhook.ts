import type { Schedule } from '../core/schedule/schedule.ts';

/** Where and how a client wants to be told of each job's end. */
export interface WebhookRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>> | null;
  /** Null or empty keeps the one that is stored. */
  readonly signingSecret: string | null;
  readonly secretRef: string | null;
  readonly timeoutSeconds: number | null;
  readonly maxAttempts: number | null;
}

/** A webhook as its owner may see it: without the secret. */
export type WebhookView = Omit<WebhookRequest, 'signingSecret'>;

/** The form to keep. */
export const keepWebhook = (webhook: WebhookRequest | null): Schedule['webhook'] =>
  webhook && {
    url: new URL(webhook.url).href,
    headers: webhook.headers,
    secret_ref: webhook.secretRef,
    timeout_seconds: webhook.timeoutSeconds,
    max_attempts: webhook.maxAttempts,
  };

/** The webhook of a schedule; null when it has none. */
export const showWebhook = ({ webhook }: Schedule): WebhookView | null => {
  if (webhook === null) return null;
  // What keepWebhook wrote.
  const { url, headers, secret_ref, timeout_seconds, max_attempts } = webhook as {
    readonly url: string;
    readonly headers: WebhookView['headers'];
    readonly secret_ref: string | null;
    readonly timeout_seconds: number | null;
    readonly max_attempts: number | null;
  };
  return { url, headers, secretRef: secret_ref, timeoutSeconds: timeout_seconds, maxAttempts: max_attempts };
};
