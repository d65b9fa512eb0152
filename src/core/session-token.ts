import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { decodeBase64 } from './base64.ts';
import { KaziError } from './errors.ts';
import { DEFAULT_TENANT_ID, type Principal } from './principal.ts';

/** Clocks of the minting backend and of this machine may differ by this much. */
const CLOCK_TOLERANCE_MS = 60_000;

/** A key that may sign session tokens. Several are active during a rotation. */
export interface SigningSecret {
  /** Used as UTF-8 bytes after trimming; a blank one counts as absent. */
  readonly secret: string;
  /** The only tenant that tokens signed with it can speak for; null lets them claim any tenant. */
  readonly tenantId: string | null;
}

export interface TokenCheck {
  readonly token: string;
  readonly secrets: readonly SigningSecret[];
  readonly nowMs: number;
}

export interface TokenClaims {
  readonly secret: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly userId?: string | null;
  readonly tenantId?: string | null;
  /** The sessions that the token is limited to; null, absent or empty leaves it unlimited. */
  readonly sessionIds?: readonly string[] | null;
}

/** Longest user or tenant id: it is part of index keys, which PostgreSQL bounds at about 2,700 bytes. */
const CLAIM_CHARACTERS = 256;

// NUL and unpaired surrogates cannot be stored as text, so no record could ever match such a claim.
const claim = z
  .string()
  .trim()
  .min(1)
  .max(CLAIM_CHARACTERS)
  .refine((text) => text.isWellFormed() && !text.includes('\0'));

const payloadSchema = z.strictObject({
  issued_at: z.number(),
  expires_at: z.number(),
  user_id: claim.optional(),
  tenant_id: claim.optional(),
  session_id: claim.optional(),
  session_ids: z.array(claim).optional(),
});

type TokenPayload = z.infer<typeof payloadSchema>;

/**
 * Verifies a session token and says what it proves. The first failing check decides the error: secrets present,
 * form, payload, issued in the future, expired, timestamps, signature, tenant of the secret.
 */
export const verifySessionToken = ({ token, secrets, nowMs }: TokenCheck): Principal => {
  const usable = secrets.filter((each) => each.secret.trim() !== '');
  if (usable.length === 0) throw new KaziError('SIGNING_SECRET_MISSING');
  const [payloadText, signatureText, ...rest] = token.split('.');
  if (!payloadText || !signatureText || rest.length > 0) throw new KaziError('INVALID_TOKEN_FORMAT');
  const payloadBytes = decodeBase64(payloadText);
  if (payloadBytes === null) throw new KaziError('INVALID_TOKEN_PAYLOAD');
  const payload = parsePayload(payloadBytes);
  checkTimes(payload, nowMs);
  const signers = findSigners({ payloadBytes, signature: decodeBase64(signatureText), secrets: usable });
  if (signers.length === 0) throw new KaziError('INVALID_TOKEN_SIGNATURE');
  return toPrincipal({ payload, tenantId: resolveTenant(payload, signers), payloadBytes });
};

/** True for a text that a token may name as its user or tenant. */
export const isTokenClaim = (text: string): boolean => claim.safeParse(text).success;

/** Signs a session token. Both parts are base64url, so that the token survives a query string unescaped. */
export const mintSessionToken = (claims: TokenClaims): string => {
  const payload: TokenPayload = payloadSchema.parse({
    issued_at: claims.issuedAtMs,
    expires_at: claims.expiresAtMs,
    user_id: claims.userId ?? undefined,
    tenant_id: claims.tenantId ?? undefined,
    session_ids: claims.sessionIds?.length ? [...claims.sessionIds] : undefined,
  });
  const bytes = Buffer.from(JSON.stringify(payload), 'utf8');
  return `${bytes.toString('base64url')}.${sign(claims.secret, bytes).toString('base64url')}`;
};

const sign = (secret: string, payloadBytes: Buffer): Buffer =>
  createHmac('sha256', Buffer.from(secret.trim(), 'utf8')).update(payloadBytes).digest();

const parsePayload = (payloadBytes: Buffer): TokenPayload => {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payloadBytes);
    return payloadSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new KaziError('INVALID_TOKEN_PAYLOAD', {}, { cause });
  }
};

const checkTimes = (payload: TokenPayload, nowMs: number): void => {
  if (payload.issued_at > nowMs + CLOCK_TOLERANCE_MS) throw new KaziError('TOKEN_ISSUED_IN_FUTURE');
  if (payload.expires_at < nowMs - CLOCK_TOLERANCE_MS) throw new KaziError('TOKEN_EXPIRED');
  if (payload.expires_at < payload.issued_at) throw new KaziError('INVALID_TOKEN_TIMESTAMPS');
};

interface SignatureCheck {
  readonly payloadBytes: Buffer;
  readonly signature: Buffer | null;
  readonly secrets: readonly SigningSecret[];
}

/** Every secret is tried, so that the time taken does not tell which one matched. */
const findSigners = ({ payloadBytes, signature, secrets }: SignatureCheck): SigningSecret[] =>
  secrets.filter(({ secret }) => {
    const expected = sign(secret, payloadBytes);
    return signature?.length === expected.length && timingSafeEqual(signature, expected);
  });

/** One text may be the secret of several tenants: the claim then picks among exactly those. */
const resolveTenant = (payload: TokenPayload, signers: readonly SigningSecret[]): string => {
  const claimed = payload.tenant_id;
  if (claimed === undefined) return signers.find((each) => each.tenantId !== null)?.tenantId ?? DEFAULT_TENANT_ID;
  if (signers.some((each) => each.tenantId === null || each.tenantId === claimed)) return claimed;
  throw new KaziError('TENANT_MISMATCH');
};

interface ProvenClaims {
  readonly payload: TokenPayload;
  readonly tenantId: string;
  readonly payloadBytes: Buffer;
}

const toPrincipal = ({ payload, tenantId, payloadBytes }: ProvenClaims): Principal => {
  const sessionIds = resolveSessionIds(payload);
  const userId = payload.user_id ?? null;
  const hasTenantClaim = payload.tenant_id !== undefined;
  return {
    kind: 'session_token',
    tenantId,
    userId,
    sessionIds,
    scopes: ['user'],
    isAnonymous: userId === null && !hasTenantClaim && sessionIds === null,
    hasTenantClaim,
    // Over the payload bytes, not the text: one token has many spellings, and each would get a fresh rate limit.
    credentialId: `token:${createHash('sha256').update(payloadBytes).digest('hex').slice(0, 32)}`,
  };
};

/** A non-empty list wins over the single claim. An empty list beside a single claim does not widen the token. */
const resolveSessionIds = ({ session_id, session_ids }: TokenPayload): readonly string[] | null => {
  if (session_ids !== undefined && session_ids.length > 0) return session_ids;
  return session_id === undefined ? null : [session_id];
};
