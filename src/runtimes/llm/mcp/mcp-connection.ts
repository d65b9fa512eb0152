import { type CallToolResult, createMCPClient, type ListToolsResult, type MCPClient } from '@ai-sdk/mcp';
import type { EgressPolicy, McpServer } from '../../../core/agent.ts';
import type { Egress } from '../../../egress/egress.ts';
import type { RuntimeSandbox } from '../../runtime.ts';
import { createMcpFetch } from './http-fetch.ts';
import { explainError, mcpFailure } from './mcp-failure.ts';
import { StdioTransport } from './stdio-transport.ts';

export type McpToolDefinition = ListToolsResult['tools'][number];

/** A server that answered, with the tools that it offers. */
export interface McpConnection {
  readonly definitions: readonly McpToolDefinition[];
  /** Rejects with an Error in words when the server is gone, silent or refuses, and for an abort. */
  call(name: string, input: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<CallToolResult>;
  close(): Promise<void>;
}

export interface McpConnectOptions {
  readonly openSandbox: () => Promise<RuntimeSandbox>;
  readonly egress: Egress;
  readonly egressPolicy: EgressPolicy;
  /** Ends the connecting, and every call later. */
  readonly signal: AbortSignal;
  /** Longest wait for a server to start and to introduce itself, and then for its list of tools. */
  readonly startTimeoutMs: number;
  readonly callTimeoutMs: number;
  /** What a server does wrong without breaking anything. */
  readonly onOddity: (error: unknown) => void;
}

const MAX_PAGES = 100;
const SHOWN_BODY_CHARACTERS = 300;

/** Starts or calls a server, and asks for its tools. Throws MCP_SERVER_FAILED, and leaves nothing running then. */
export const connectMcpServer = async (server: McpServer, options: McpConnectOptions): Promise<McpConnection> => {
  const transport =
    server.transport === 'stdio'
      ? new StdioTransport({ server, openSandbox: options.openSandbox })
      : httpTransport(server, options);
  const explain = (error: unknown): unknown =>
    transport instanceof StdioTransport ? transport.explain(error) : explainStatus(error);
  let client: MCPClient | null = null;
  try {
    client = await createMCPClient({
      transport,
      clientName: 'kazi',
      initializationOptions: { signal: options.signal, timeout: options.startTimeoutMs },
      onUncaughtError: options.onOddity,
    });
    const definitions = await listTools(client, options);
    return openConnection({ client, definitions, explain, options });
  } catch (error) {
    await client?.close();
    if (transport instanceof StdioTransport) await transport.close();
    options.signal.throwIfAborted();
    throw mcpFailure(server.name, explain(error));
  }
};

const openConnection = (connection: {
  readonly client: MCPClient;
  readonly definitions: readonly McpToolDefinition[];
  readonly explain: (error: unknown) => unknown;
  readonly options: McpConnectOptions;
}): McpConnection => {
  const { client, definitions, explain, options } = connection;
  return {
    definitions,
    call: async (name, input, callSignal) => {
      const signal = AbortSignal.any([options.signal, callSignal]);
      try {
        return await client.callTool({
          name,
          arguments: { ...input },
          options: { signal, timeout: options.callTimeoutMs },
        });
      } catch (error) {
        signal.throwIfAborted();
        throw new Error(explainError(explain(error)), { cause: error });
      }
    },
    close: () => client.close(),
  };
};

const httpTransport = (
  server: Exclude<McpServer, { transport: 'stdio' }>,
  { egress, egressPolicy, signal, callTimeoutMs }: McpConnectOptions,
): { type: 'http'; url: string; headers: Record<string, string>; fetch: typeof fetch } => ({
  type: 'http',
  url: server.url,
  headers: { ...server.headers },
  fetch: createMcpFetch({ egress, policy: egressPolicy, signal, silenceMs: callTimeoutMs }),
});

const listTools = async (client: MCPClient, options: McpConnectOptions): Promise<readonly McpToolDefinition[]> => {
  const definitions: McpToolDefinition[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const answer = await client.listTools({
      ...(cursor === undefined ? {} : { params: { cursor } }),
      options: { signal: options.signal, timeout: options.startTimeoutMs },
    });
    definitions.push(...answer.tools);
    cursor = answer.nextCursor;
    if (cursor === undefined) return definitions;
  }
  throw new Error(`found more than ${MAX_PAGES} pages of tools, expected an end of the list`);
};

const STATUS_REMEDIES: Readonly<Record<number, string>> = {
  401: 'Send valid credentials in the headers of its entry',
  403: 'Send credentials that it accepts in the headers of its entry',
  404: 'Check the URL of its entry',
  405: 'Check the URL of its entry: it must speak MCP by streamable HTTP',
};

/** The MCP client's own sentence gives the whole body and advice about code. */
const explainStatus = (error: unknown): unknown => {
  const { statusCode, responseBody } = Object(error) as {
    readonly statusCode?: unknown;
    readonly responseBody?: unknown;
  };
  if (typeof statusCode !== 'number' || statusCode < 400) return error;
  const body = typeof responseBody === 'string' ? responseBody.trim().slice(0, SHOWN_BODY_CHARACTERS) : '';
  const remedy = STATUS_REMEDIES[statusCode];
  const said = `it answered with HTTP ${statusCode}${body === '' ? '' : `: ${body}`}`;
  return new Error(remedy === undefined ? said : `${said}. ${remedy}`);
};
