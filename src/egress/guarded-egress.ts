import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { Agent, fetch } from 'undici';
import type { EgressPolicy } from '../core/agent.ts';
import { isKaziError } from '../core/errors.ts';
import { judgeAddress } from './address-rules.ts';
import type { Egress } from './egress.ts';
import { judgeByPolicy } from './egress-policy.ts';
import { firstHop, type Hop, nextHop, refuseUrl } from './hop.ts';

export interface HostAddress {
  readonly address: string;
  readonly family: number;
}

export interface EgressOptions {
  /**
   * Lets agents reach private addresses by hosts that their policy lists one by one. Off by default, and for the operator
   * to set: the author of an agent is a tenant, who must not decide to walk into the operator's network. Cloud metadata
   * stays refused.
   */
  readonly allowPrivate?: boolean | undefined;
  /** All addresses of a name; the system's resolver when absent. */
  readonly resolve?: ((hostname: string) => Promise<readonly HostAddress[]>) | undefined;
}

/** An egress with connections to close: `stop` ends every answer that is still being read. Safe twice. */
export type GuardedEgress = Egress & {
  stop(): Promise<void>;
  /** Why a fetch of the URL would be refused as its name resolves now; null when it would not, or the name is not known. */
  refusalOf(url: string, policy: EgressPolicy): Promise<string | null>;
};

const DEFAULT_MAX_REDIRECTS = 5;
const RESOLVE_TIMEOUT_MS = 10_000;
/** Somebody waits for an answer. */
const LOOK_UP_TIMEOUT_MS = 3_000;
const CONNECT_TIMEOUT_MS = 10_000;
const HEAD_TIMEOUT_MS = 30_000;
const BODY_TIMEOUT_MS = 60_000;

/**
 * The real egress. Every request has a connection of its own, made to addresses that were checked for it: one that is
 * shared could have been opened under another agent's policy, or to what a name meant before.
 */
export const createEgress = (options: EgressOptions = {}): GuardedEgress => {
  const { allowPrivate = false, resolve = resolveBySystem } = options;
  const stopping = new AbortController();
  const open = new Set<Promise<void>>();
  return {
    fetch: async (request) => {
      const maxRedirects = request.maxRedirects ?? DEFAULT_MAX_REDIRECTS;
      const signal = AbortSignal.any([request.signal, stopping.signal]);
      let hop = firstHop(request);
      for (let followed = 0; ; followed += 1) {
        const addresses = await findAddresses({ url: hop.url, policy: request.policy, signal, allowPrivate, resolve });
        const response = await send({ hop, signal, silenceMs: request.silenceMs, addresses, open });
        const next = maxRedirects === 0 ? null : await followOrCancel(hop, response);
        if (next === null) return response;
        await response.body?.cancel();
        if (followed === maxRedirects) throw refuseUrl(request.url, `found more than ${maxRedirects} redirects`);
        hop = next;
      }
    },
    refusalOf: async (url, policy) => {
      const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(LOOK_UP_TIMEOUT_MS)]);
      try {
        const hop = firstHop({ url, policy, signal });
        await findAddresses({ url: hop.url, policy, signal, allowPrivate, resolve: resolveOrLoopback(resolve) });
        return null;
      } catch (error) {
        // A name that nobody knows yet may be known when it is needed, and is judged again then.
        return isKaziError(error, 'EGRESS_REFUSED') ? String(error.details['reason']) : null;
      }
    },
    stop: async () => {
      stopping.abort(new Error('kazi is stopping'));
      await Promise.all(open);
    },
  };
};

/** Names below `localhost` mean this machine wherever they are asked for (RFC 6761), whatever the resolver here says. */
const resolveOrLoopback =
  (resolve: (hostname: string) => Promise<readonly HostAddress[]>) =>
  async (hostname: string): Promise<readonly HostAddress[]> =>
    /(?:^|\.)localhost\.?$/.test(hostname) ? [{ address: '127.0.0.1', family: 4 }] : await resolve(hostname);

const followOrCancel = async (hop: Hop, response: Response): Promise<Hop | null> => {
  try {
    return nextHop(hop, response);
  } catch (error) {
    await response.body?.cancel();
    throw error;
  }
};

/** The addresses of a URL, when the policy and each of them allow it. One bad address refuses all: a name that also means a private host is a trap. */
const findAddresses = async (check: {
  readonly url: URL;
  readonly policy: EgressPolicy;
  readonly signal: AbortSignal;
  readonly allowPrivate: boolean;
  readonly resolve: (hostname: string) => Promise<readonly HostAddress[]>;
}): Promise<readonly HostAddress[]> => {
  const { url } = check;
  const mayBePrivate = isNamed(url, check.policy) && check.allowPrivate;
  const addresses = await resolveHost(url, check.resolve, check.signal);
  if (addresses.length === 0) throw refuseUrl(url, 'its host has no address');
  for (const { address } of addresses) {
    const verdict = judgeAddress(address);
    if (verdict.kind === 'public' || (verdict.kind === 'private' && mayBePrivate)) continue;
    throw refuseUrl(url, `its host has ${verdict.reason}, expected a public one`);
  }
  return addresses;
};

/** Throws EGRESS_REFUSED when the policy does not allow the host; true when it lists this very host. */
const isNamed = (url: URL, policy: EgressPolicy): boolean => {
  const verdict = judgeByPolicy(url, policy);
  if (!verdict.isAllowed) throw refuseUrl(url, verdict.reason);
  return verdict.namesHost;
};

const resolveHost = async (
  url: URL,
  resolve: (hostname: string) => Promise<readonly HostAddress[]>,
  signal: AbortSignal,
): Promise<readonly HostAddress[]> => {
  const literal = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(literal) !== 0) return [{ address: literal, family: isIP(literal) }];
  return await untilAborted(resolve(url.hostname), AbortSignal.any([signal, AbortSignal.timeout(RESOLVE_TIMEOUT_MS)]));
};

const resolveBySystem = (hostname: string): Promise<readonly HostAddress[]> => lookup(hostname, { all: true });

/** The system's resolver cannot be interrupted; its late answer is dropped. */
const untilAborted = <T>(promise: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const onAbort = (): void => reject(abortReason(signal));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });

const abortReason = (signal: AbortSignal): Error =>
  signal.reason instanceof Error ? signal.reason : new Error('The request was aborted', { cause: signal.reason });

const send = async (sending: {
  readonly hop: Hop;
  readonly signal: AbortSignal;
  readonly silenceMs: number | undefined;
  readonly addresses: readonly HostAddress[];
  /** Gets a promise of the end of the connection. */
  readonly open: Set<Promise<void>>;
}): Promise<Response> => {
  const { hop, signal, silenceMs, open } = sending;
  const agent = new Agent({
    connect: { timeout: CONNECT_TIMEOUT_MS, lookup: lookupOnly(sending.addresses) },
    headersTimeout: silenceMs ?? HEAD_TIMEOUT_MS,
    bodyTimeout: silenceMs ?? BODY_TIMEOUT_MS,
    // No keep-alive.
    pipelining: 0,
  });
  try {
    return await fetch(hop.url, {
      method: hop.method,
      headers: { ...hop.headers },
      ...(hop.body === undefined ? {} : { body: hop.body }),
      redirect: 'manual',
      signal,
      dispatcher: agent,
    });
  } finally {
    // Waits for the end of the body, in whatever way that comes.
    const closed = agent.close().finally(() => open.delete(closed));
    open.add(closed);
  }
};

/** A resolver that knows the checked addresses and nothing else: what the name means by now is not asked again. */
const lookupOnly =
  (addresses: readonly HostAddress[]) =>
  (
    _hostname: string,
    options: { readonly all?: boolean | undefined },
    callback: (error: null, address: string | HostAddress[], family?: number) => void,
  ): void => {
    const first = addresses[0] ?? { address: '', family: 4 };
    if (options.all === true) callback(null, [...addresses]);
    else callback(null, first.address, first.family);
  };
