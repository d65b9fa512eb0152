import { KaziError } from '../core/errors.ts';
import type { EgressRequest } from './egress.ts';

/** One request of a chain of redirects. */
export interface Hop {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | undefined;
}

const REDIRECT_STATUSES: readonly number[] = [301, 302, 303, 307, 308];
/** All that another origin gets to see: any header may hold a credential, so what is not known to be harmless stays behind. */
const HARMLESS_HEADERS: readonly string[] = ['accept', 'accept-language', 'user-agent', 'range'];
const BODY_HEADERS: readonly string[] = ['content-type', 'content-encoding', 'content-language'];
/** They decide who is talked to and where a message ends, which is not for the sender of a request to say. */
const REFUSED_HEADERS: readonly string[] = [
  ...['host', 'connection', 'keep-alive', 'content-length', 'transfer-encoding', 'te', 'trailer', 'upgrade', 'expect'],
  ...['proxy-authorization', 'proxy-connection'],
];
const MAX_SHOWN_CHARACTERS = 300;

/** The first request. Throws EGRESS_REFUSED for what no policy could allow. */
export const firstHop = ({ url, method = 'GET', headers = {}, body }: EgressRequest): Hop => {
  const refusedHeader = Object.keys(headers).find((name) => REFUSED_HEADERS.includes(name.toLowerCase()));
  if (refusedHeader !== undefined) throw refuseUrl(url, `the header "${refusedHeader}" may not be set`);
  return { url: parseTarget(url), method: method.toUpperCase(), headers, body };
};

/** Where an answer leads; null when it is no redirect. */
export const nextHop = (hop: Hop, response: Response): Hop | null => {
  const location = response.headers.get('location');
  if (location === null || !REDIRECT_STATUSES.includes(response.status)) return null;
  const url = parseTarget(location, hop.url);
  const { status } = response;
  const losesBody = (status === 303 && hop.method !== 'HEAD') || (status < 303 && hop.method === 'POST');
  const isSameOrigin = url.origin === hop.url.origin;
  const headers = Object.entries(hop.headers).filter(([name]) => {
    if (BODY_HEADERS.includes(name.toLowerCase())) return !losesBody;
    return isSameOrigin || HARMLESS_HEADERS.includes(name.toLowerCase());
  });
  return {
    url,
    method: losesBody ? 'GET' : hop.method,
    headers: Object.fromEntries(headers),
    body: losesBody ? undefined : hop.body,
  };
};

/** EGRESS_REFUSED about a URL, of which only what is no secret is shown: no user, password, query or fragment. */
export const refuseUrl = (url: string | URL, reason: string): KaziError => {
  const parsed = URL.parse(String(url));
  const shown = parsed === null ? '(not a URL)' : `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
  return new KaziError('EGRESS_REFUSED', { url: shown.slice(0, MAX_SHOWN_CHARACTERS), reason });
};

const parseTarget = (target: string, base?: URL): URL => {
  const url = URL.parse(target, base?.href);
  if (url === null) throw refuseUrl(target, 'it is not an absolute URL such as https://example.org/page');
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw refuseUrl(url, `found the scheme "${url.protocol}", expected http: or https:`);
  }
  if (url.username !== '' || url.password !== '') {
    throw refuseUrl(url, 'found a user or password in it, expected none. Send credentials as a header');
  }
  return url;
};
