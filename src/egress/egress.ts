import type { EgressPolicy } from '../core/agent.ts';

/**
 * The only way in which kazi fetches what an agent names: resolves first, refuses private, loopback, link-local, multicast
 * and metadata addresses, connects to the address that was checked, and checks every redirect the same way.
 */
export interface Egress {
  /**
   * Throws EGRESS_REFUSED with the reason; network faults as they come. The caller consumes or cancels the body: until then
   * the answer holds a connection.
   */
  fetch(request: EgressRequest): Promise<Response>;
}

export interface EgressRequest {
  readonly url: string;
  readonly policy: EgressPolicy;
  readonly method?: string | undefined;
  /** On a redirect to another origin only those go along that cannot carry a credential. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | Uint8Array | undefined;
  /** Ends the body as well. */
  readonly signal: AbortSignal;
  /** Redirects that are followed; 5 when absent, 0 hands them to the caller. */
  readonly maxRedirects?: number | undefined;
  /** Longest wait for the head of the answer, and between pieces of its body; 30 s and 60 s when absent. */
  readonly silenceMs?: number | undefined;
}
