import { canonicalJson } from '../core/canonical-json.ts';
import { isKaziError } from '../core/errors.ts';
import { type Keyring, openText } from '../core/sealed-text.ts';
import { DEFAULT_SIGNING_SECRET } from '../core/secret-name.ts';
import { openWebhook, type WebhookCredentials } from '../core/webhook.ts';
import type { AttemptResult, ClaimedDelivery } from '../core/webhook-delivery.ts';
import { toWebhookId } from '../core/webhook-id.ts';
import { webhookPolicy } from '../core/webhook-policy.ts';
import { deliveryBounds } from '../core/webhook-retry.ts';
import { signatureHeaders } from '../core/webhook-signature.ts';
import type { Egress } from '../egress/egress.ts';
import type { Queryable } from '../storage/database.ts';
import { readSealedSecret } from '../storage/secrets.ts';
import { describeSendFailure } from './send-failure.ts';

export interface SendOptions {
  readonly db: Queryable;
  readonly egress: Egress;
  readonly keyring: Keyring;
  /** The operator lets webhooks reach private addresses. */
  readonly allowPrivate: boolean;
  /** Gives the body of a delivery that is about a job. */
  readonly renderJob: (delivery: ClaimedDelivery) => Promise<string>;
}

/** An answer, with what it asks of the sender. */
export interface SendResult extends AttemptResult {
  /** The text of Retry-After. */
  readonly retryAfter: string | null;
  /** True when the receiver says that nothing more is to be sent. */
  readonly isFinal: boolean;
}

const KEPT_BODY_BYTES = 4_096;
/** Of a failed answer's body, in the bookkeeping of a job. */
const ERROR_CHARACTERS = 500;
const MIN_REDACTED_CHARACTERS = 6;
const GONE = 410;

/** Makes one attempt. Every outcome is a result; rejects only when the signal is aborted, or the database is away. */
export const sendWebhook = async (
  options: SendOptions,
  delivery: ClaimedDelivery,
  signal: AbortSignal,
): Promise<SendResult> => {
  const { timeoutMs } = deliveryBounds(delivery.webhook);
  const credentials = openWebhook(options.keyring, delivery.tenantId, delivery.webhook);
  const [body, secrets] = await Promise.all([
    delivery.payload === null ? options.renderJob(delivery) : canonicalJson(delivery.payload),
    findSecrets(options, delivery, credentials),
  ]);
  const startedAtMs = performance.now();
  const failed = (error: string): SendResult => ({
    ...{ isSuccess: false, status: null, error, responseBody: null, retryAfter: null, isFinal: false },
    durationMs: performance.now() - startedAtMs,
  });
  // Not sent unsigned: the receiver may take that for an attack, or worse, not notice.
  if (secrets === null) return failed(`Unknown secret_ref: ${delivery.webhook.secret_ref ?? ''}`);
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const response = await options.egress.fetch({
      url: delivery.webhook.url,
      policy: webhookPolicy(delivery.webhook.url, options.allowPrivate),
      method: 'POST',
      headers: headersOf(delivery, { body, credentials, secrets }),
      body,
      signal: AbortSignal.any([signal, timeout]),
      maxRedirects: 0,
      silenceMs: timeoutMs,
    });
    const kept = redact(await readBeginning(response), [...Object.values(credentials.headers), ...secrets]);
    signal.throwIfAborted();
    const { status, ok } = response;
    return {
      isSuccess: ok,
      status,
      error: ok ? null : kept.slice(0, ERROR_CHARACTERS) || `HTTP ${status}`,
      responseBody: kept,
      retryAfter: response.headers.get('retry-after'),
      isFinal: status === GONE,
      durationMs: performance.now() - startedAtMs,
    };
  } catch (error) {
    signal.throwIfAborted();
    return failed(timeout.aborted ? `Timed out after ${timeoutMs / 1_000} seconds` : describeSendFailure(error));
  }
};

/** The secrets that sign, the newest first; empty = unsigned, null = the one that is named does not exist. */
const findSecrets = async (
  { db, keyring }: SendOptions,
  { tenantId, webhook, previousSecret }: ClaimedDelivery,
  { signingSecret }: WebhookCredentials,
): Promise<readonly string[] | null> => {
  const open = (sealed: string): string => openText(keyring, sealed, tenantId);
  if (signingSecret !== null) return [signingSecret, ...(previousSecret === null ? [] : [open(previousSecret)])];
  const name = webhook.secret_ref ?? DEFAULT_SIGNING_SECRET;
  const secrets = (await readSealedSecret(db, { tenantId, name })).map(open);
  return secrets.length === 0 && webhook.secret_ref !== null ? null : secrets;
};

const headersOf = (
  delivery: ClaimedDelivery,
  parts: { readonly body: string; readonly credentials: WebhookCredentials; readonly secrets: readonly string[] },
): Readonly<Record<string, string>> => {
  const timestamp = Math.floor(Date.now() / 1_000);
  const own: Record<string, string> = {
    'User-Agent': 'kazi',
    ...signatureHeaders({ id: toWebhookId(delivery.id), timestamp, body: parts.body }, parts.secrets),
  };
  const taken = new Set(Object.keys(own).map((name) => name.toLowerCase()));
  const custom = Object.entries(parts.credentials.headers).filter(([name]) => !taken.has(name.toLowerCase()));
  const hasType = custom.some(([name]) => name.toLowerCase() === 'content-type');
  return { ...(hasType ? {} : { 'Content-Type': 'application/json' }), ...Object.fromEntries(custom), ...own };
};

/** The first bytes of an answer. What the rest is, and whether it ever comes, is of no interest: the status has been told. */
const readBeginning = async (response: Response): Promise<string> => {
  const decoder = new TextDecoder();
  let text = '';
  let size = 0;
  try {
    // Leaving the loop cancels the rest.
    for await (const piece of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      const chunk = piece.subarray(0, KEPT_BODY_BYTES - size);
      size += chunk.length;
      text += decoder.decode(chunk, { stream: true });
      if (size >= KEPT_BODY_BYTES) break;
    }
  } catch {
    // Cut off: what came is kept.
  }
  return text;
};

/** Receivers that echo what they got do not bring credentials into the log. */
const redact = (text: string, credentials: readonly string[]): string =>
  credentials
    .filter((value) => value.length >= MIN_REDACTED_CHARACTERS)
    .reduce((rest, value) => rest.replaceAll(value, '[redacted]'), text);

/** What an error of this side is called in the log of a delivery; null for one that is not about this delivery. */
export const describeOwnFault = (error: unknown): string | null =>
  isKaziError(error, 'SECRET_UNREADABLE') ? 'A stored secret cannot be read' : null;
