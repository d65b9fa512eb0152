import type { EgressPolicy } from '../../../core/agent.ts';
import type { Egress } from '../../../egress/egress.ts';

const MAX_ANSWER_BYTES = 32 * 1024 * 1024;
const GOODBYE_TIMEOUT_MS = 3_000;

/** What the MCP client is given for fetch. */
export type McpFetch = typeof globalThis.fetch;

/**
 * The fetch of an MCP client: everything goes through the egress, under the agent's policy. Redirects are not followed, for
 * they would carry the headers of the server's entry along. The stream of unasked-for messages (GET) is declined here: kazi
 * takes tools from a server, nothing else.
 */
export const createMcpFetch =
  (options: {
    readonly egress: Egress;
    readonly policy: EgressPolicy;
    /** Ends every request. */
    readonly signal: AbortSignal;
    /** Longest silence of the server: at least as long as a call may take. */
    readonly silenceMs: number;
  }): McpFetch =>
  async (input, init = {}) => {
    const method = init.method ?? 'GET';
    if (method === 'GET') return new Response(null, { status: 405 });
    const limit = method === 'DELETE' ? [AbortSignal.timeout(GOODBYE_TIMEOUT_MS)] : [options.signal];
    const response = await options.egress.fetch({
      url: input instanceof Request ? input.url : String(input),
      policy: options.policy,
      method,
      headers: Object.fromEntries(new Headers(init.headers).entries()),
      ...(typeof init.body === 'string' ? { body: init.body } : {}),
      signal: AbortSignal.any([...limit, ...(init.signal ? [init.signal] : [])]),
      maxRedirects: 0,
      silenceMs: options.silenceMs,
    });
    if (response.status < 300 || response.status >= 400) return boundBody(response);
    await response.body?.cancel();
    throw new Error(
      `found a redirect (HTTP ${response.status}) to "${response.headers.get('location') ?? ''}", expected an MCP server. Name its final URL in the agent`,
    );
  };

const boundBody = (response: Response): Response => {
  if (response.body === null) return response;
  let bytes = 0;
  const bounded = response.body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => {
        bytes += chunk.byteLength;
        if (bytes > MAX_ANSWER_BYTES)
          controller.error(new Error(`found an answer of more than ${MAX_ANSWER_BYTES} bytes`));
        else controller.enqueue(chunk);
      },
    }),
  );
  return new Response(bounded, { status: response.status, statusText: response.statusText, headers: response.headers });
};
