const ALLOWED_HEADERS = ['Content-Type', 'Authorization', 'Idempotency-Key', 'Last-Event-ID'];
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** On every answer. No credentials header: identity is in the Authorization header, never in a cookie. */
export const CORS_HEADERS: Readonly<Record<string, string>> = Object.freeze({
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Methods': 'GET, POST, PUT, PATCH, DELETE, OPTIONS',
  'Access-Control-Allow-Headers': ALLOWED_HEADERS.join(', '),
  'Access-Control-Expose-Headers': 'Retry-After, Content-Disposition, X-Request-Id, Idempotency-Replayed',
  'Access-Control-Max-Age': '86400',
});

/** The allowed headers of a preflight's answer: ours, then whatever else it asks for. */
export const allowedHeaders = (requested: string | undefined): string => {
  const known = new Set(ALLOWED_HEADERS.map((name) => name.toLowerCase()));
  const others = (requested ?? '').split(',').map((name) => name.trim());
  return [...ALLOWED_HEADERS, ...others.filter((name) => TOKEN.test(name) && !known.has(name.toLowerCase()))].join(
    ', ',
  );
};
