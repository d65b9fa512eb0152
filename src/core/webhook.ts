import { KaziError } from './errors.ts';
import type { MailThread } from './mail.ts';
import { type Keyring, openText, sealText } from './sealed-text.ts';
import { webhookTarget } from './webhook-target.ts';

/** Where and how a client wants to be told (WebhookConfig of the jobs API). Empty strings count as absent. */
export interface WebhookRequest {
  /** Absolute. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | null | undefined;
  readonly signingSecret?: string | null | undefined;
  /** Name of a secret of the tenant's vault. */
  readonly secretRef?: string | null | undefined;
  readonly timeoutSeconds?: number | null | undefined;
  readonly maxAttempts?: number | null | undefined;
}

/** A webhook as jobs, schedules and endpoints keep it, in jsonb. Whatever may be a credential is sealed. */
export interface StoredWebhook {
  /** Normalised. */
  readonly url: string;
  /** Deliveries with the same target share the limits of one endpoint: same tenant, scheme, host and port. */
  readonly target: string;
  readonly secret_ref: string | null;
  /** What was asked for; a delivery holds it to its bounds. */
  readonly timeout_seconds: number | null;
  readonly max_attempts: number | null;
  /** A WebhookCredentials, sealed for the tenant; null when there are none. */
  readonly sealed: string | null;
  /** Set where the news goes by mail, as the answer to one; the URL is then a `mailto:`. */
  readonly mail?: MailThread;
}

/** What is sent with a delivery and shown to nobody. */
export interface WebhookCredentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly signingSecret: string | null;
}

/** Headers that kazi or HTTP itself sets; the last ones say where a message ends, which is not for its content to say. */
const FORBIDDEN_HEADERS: ReadonlySet<string> = new Set([
  ...['host', 'content-length', 'transfer-encoding', 'connection'],
  ...['keep-alive', 'te', 'trailer', 'upgrade', 'expect', 'proxy-authorization', 'proxy-connection'],
]);
const FORBIDDEN_PREFIX = /^(?:webhook-|x-agent-)/;
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** What HTTP can carry, without control characters. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const SHOWN_CHARACTERS = 100;

/**
 * Throws WEBHOOK_URL_REFUSED, then WEBHOOK_HEADER_REFUSED, for what can be told without looking around; where the host is
 * has to be looked up.
 */
export const checkWebhook = ({ url, headers }: WebhookRequest): void => {
  const { protocol, username, password } = new URL(url);
  if (protocol !== 'http:' && protocol !== 'https:') {
    throw refuseUrl(`found the scheme "${protocol.slice(0, SHOWN_CHARACTERS)}", expected http: or https:`);
  }
  if (username !== '' || password !== '') {
    throw refuseUrl('found a user or password in it, expected none. Send credentials as a header');
  }
  for (const [name, value] of Object.entries(headers ?? {})) {
    const lower = name.toLowerCase();
    const isAllowed = HEADER_NAME.test(name) && !FORBIDDEN_HEADERS.has(lower) && !FORBIDDEN_PREFIX.test(lower);
    if (isAllowed && HEADER_VALUE.test(value)) continue;
    throw new KaziError('WEBHOOK_HEADER_REFUSED', { header: name.slice(0, SHOWN_CHARACTERS) });
  }
};

/** The form to keep. The request has passed checkWebhook. */
export const storeWebhook = (keyring: Keyring, tenantId: string, request: WebhookRequest): StoredWebhook => {
  const { href, origin } = new URL(request.url);
  const headers = request.headers ?? {};
  const signingSecret = request.signingSecret || null;
  const hasCredentials = signingSecret !== null || Object.keys(headers).length > 0;
  const credentials: WebhookCredentials = { headers, signingSecret };
  return {
    url: href,
    target: webhookTarget(tenantId, origin),
    secret_ref: request.secretRef || null,
    timeout_seconds: request.timeoutSeconds ?? null,
    max_attempts: request.maxAttempts ?? null,
    sealed: hasCredentials ? sealText(keyring, JSON.stringify(credentials), tenantId) : null,
  };
};

/** The headers and the signing secret of a stored webhook. Throws SECRET_UNREADABLE. */
export const openWebhook = (
  keyring: Keyring,
  tenantId: string,
  { sealed }: Pick<StoredWebhook, 'sealed'>,
): WebhookCredentials => {
  if (sealed === null) return { headers: {}, signingSecret: null };
  // The seal proves that storeWebhook wrote it.
  return JSON.parse(openText(keyring, sealed, tenantId)) as WebhookCredentials;
};

const refuseUrl = (reason: string): KaziError => new KaziError('WEBHOOK_URL_REFUSED', { reason });
