import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import type { McpServer } from '../../../src/core/agent.ts';
import { createEgress, type GuardedEgress } from '../../../src/egress/guarded-egress.ts';
import type { Tool, ToolCallContext, ToolResult } from '../../../src/runtimes/llm/tool.ts';
import { type SeenRequest, startSite } from '../../egress/site.ts';

const refuse = (what: string) => () => Promise.reject(new Error(`an MCP tool asked for ${what}`));

/** An egress that may reach loopback, where an agent's policy lists it. */
export const openEgress = (context: TestContext): GuardedEgress => {
  const egress = createEgress({ allowPrivate: true });
  context.after(() => egress.stop());
  return egress;
};

/** A call as the llm runtime makes it; the model takes PNG images. */
export const callTool = (
  tool: Tool | undefined,
  input: unknown,
  call: Partial<ToolCallContext> & Pick<ToolCallContext, 'egress'>,
): Promise<ToolResult> => {
  if (tool === undefined) throw new Error('found no such tool');
  return tool.run(input, {
    ordinal: 1,
    toolCallId: 'call-1',
    signal: new AbortController().signal,
    emitOutput: () => undefined,
    openSandbox: refuse('a sandbox'),
    egressPolicy: { kind: 'none' },
    modelAccepts: (mediaType) => mediaType === 'image/png',
    approvalMessage: null,
    services: {
      limits: refuse('limits'),
      history: refuse('history'),
      opening: refuse('inputs'),
      holdSpend: refuse('money'),
      approvals: refuse('approvals'),
      modelRequests: refuse('modelRequests'),
      scheduleJob: refuse('a job'),
      spawnJob: refuse('a job'),
      publish: refuse('an artifact'),
    },
    ...call,
  });
};

/** One line of text for what a tool answered. */
export const textOf = (result: ToolResult): string => {
  if (result.kind !== 'done') throw new Error('the tool is waiting');
  if (typeof result.content === 'string') return result.content;
  return result.content.map((part) => (part.type === 'text' ? part.text : `[${part.mediaType}]`)).join('\n');
};

export interface McpSite {
  readonly server: McpServer;
  readonly seen: readonly SeenRequest[];
  /** Resolves when the session was said goodbye to. */
  readonly goodbye: Promise<unknown>;
}

interface JsonRpcRequest {
  readonly id?: number;
  readonly method: string;
  readonly params?: { readonly cursor?: string; readonly name?: string; readonly arguments?: unknown };
}

const SESSION = 'session-1';

const answerMethod = ({ method, params }: JsonRpcRequest): unknown => {
  switch (method) {
    case 'initialize':
      return { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 'site', version: '1' } };
    case 'tools/list':
      // Two pages.
      return params?.cursor === undefined
        ? { tools: [{ name: 'first', description: 'The first.', inputSchema: { type: 'object' } }], nextCursor: 'two' }
        : { tools: [{ name: 'second', inputSchema: { type: 'object' }, annotations: { idempotentHint: true } }] };
    case 'tools/call':
      return { content: [{ type: 'text', text: `${params?.name} got ${JSON.stringify(params?.arguments)}` }] };
    default:
      return undefined;
  }
};

/** Streamable HTTP with a session: JSON for most, an event stream for calls. Without the right key it answers 401. */
const serveMcp = (request: IncomingMessage, response: ServerResponse, body: string): void => {
  if (request.headers['x-api-key'] !== 'right') {
    response.writeHead(401, { 'content-type': 'text/plain' }).end('who are you?');
    return;
  }
  if (request.method === 'DELETE') {
    response.writeHead(204).end();
    return;
  }
  const message = JSON.parse(body) as JsonRpcRequest;
  if (message.id === undefined) {
    response.writeHead(202).end();
    return;
  }
  const result = answerMethod(message);
  const answer = JSON.stringify({
    jsonrpc: '2.0',
    id: message.id,
    ...(result === undefined ? { error: { code: -32601, message: 'Method not found' } } : { result }),
  });
  if (message.method === 'tools/call') {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`event: message\ndata: ${answer}\n\n`);
    return;
  }
  response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': SESSION }).end(answer);
};

/** A real MCP server over HTTP on loopback, or a site that answers in a way of its own. */
export const startMcpSite = async (
  context: TestContext,
  answer?: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<McpSite> => {
  const site = await startSite(context, (request, response) => {
    if (answer === undefined) serveMcp(request, response, site.seen.at(-1)?.body ?? '');
    else answer(request, response);
    if (request.method === 'DELETE') site.server.emit('goodbye');
  });
  return {
    server: {
      name: 'site',
      tools: null,
      transport: 'http',
      url: `http://127.0.0.1:${site.port}/mcp`,
      headers: { 'X-Api-Key': 'right' },
    },
    seen: site.seen,
    goodbye: once(site.server, 'goodbye'),
  };
};
