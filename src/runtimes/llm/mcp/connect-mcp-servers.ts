import { createHash } from 'node:crypto';
import type { EgressPolicy, McpServer } from '../../../core/agent.ts';
import type { Egress } from '../../../egress/egress.ts';
import type { RuntimeSandbox } from '../../runtime.ts';
import { failed } from '../define-tool.ts';
import type { Tool } from '../tool.ts';
import { connectMcpServer, type McpConnection, type McpToolDefinition } from './mcp-connection.ts';
import { translateMcpResult } from './mcp-content.ts';
import { mcpFailure } from './mcp-failure.ts';

export interface McpOptions {
  readonly servers: readonly McpServer[];
  /** Asked only when there is a server over stdio, which runs in the sandbox until `close`. */
  readonly openSandbox: () => Promise<RuntimeSandbox>;
  readonly egress: Egress;
  readonly egressPolicy: EgressPolicy;
  /** The job's: ends the connecting and every call. */
  readonly signal: AbortSignal;
  /** What a server does wrong without breaking anything, for the log. */
  readonly log?: ((oddity: { readonly server: string; readonly error: unknown }) => void) | undefined;
  /** 30 s when absent. */
  readonly startTimeoutMs?: number | undefined;
  /** 120 s when absent. */
  readonly callTimeoutMs?: number | undefined;
}

export interface McpTools {
  /** Named `<server>__<tool>`, in the order of the servers. */
  readonly tools: readonly Tool[];
  /** Ends the servers over stdio and says goodbye to the others. Never rejects; safe twice. */
  close(): Promise<void>;
}

const START_TIMEOUT_MS = 30_000;
const CALL_TIMEOUT_MS = 120_000;
const MAX_NAME_CHARACTERS = 64;
const HASH_CHARACTERS = 8;

/**
 * Connects to all MCP servers of an agent at once, and gives their tools. Throws MCP_SERVER_FAILED for the first that cannot
 * be used: an agent that lacks tools it was built on would do something else than its author meant.
 */
export const connectMcpServers = async (options: McpOptions): Promise<McpTools> => {
  const { servers, log } = options;
  const failing = new AbortController();
  const connectOptions = {
    ...options,
    signal: AbortSignal.any([options.signal, failing.signal]),
    startTimeoutMs: options.startTimeoutMs ?? START_TIMEOUT_MS,
    callTimeoutMs: options.callTimeoutMs ?? CALL_TIMEOUT_MS,
  };
  const connections: { readonly server: McpServer; readonly connection: McpConnection }[] = [];
  const close = async (): Promise<void> => {
    await Promise.allSettled(connections.splice(0).map(({ connection }) => connection.close()));
  };
  const connect = async (server: McpServer): Promise<readonly McpTool[]> => {
    const onOddity = (error: unknown): void => log?.({ server: server.name, error });
    const connection = await connectMcpServer(server, { ...connectOptions, onOddity });
    connections.push({ server, connection });
    return chooseDefinitions(server, connection).map((definition) => ({ server, connection, definition }));
  };
  // All of them, so that none is still starting when this has thrown.
  const found = await Promise.all(
    servers.map((server) =>
      connect(server).catch((error: unknown) => {
        failing.abort(error);
        return [];
      }),
    ),
  );
  if (!failing.signal.aborted) return { tools: buildTools(found.flat()), close };
  await close();
  throw failing.signal.reason;
};

interface McpTool {
  readonly server: McpServer;
  readonly connection: McpConnection;
  readonly definition: McpToolDefinition;
}

const chooseDefinitions = (server: McpServer, { definitions }: McpConnection): readonly McpToolDefinition[] => {
  if (server.tools === null) return definitions;
  const names = definitions.map(({ name }) => name);
  const unknown = server.tools.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw mcpFailure(
      server.name,
      `found "${unknown.join('", "')}" in its list of tools, expected some of: ${names.join(', ') || '(it has no tools)'}`,
    );
  }
  return definitions.filter(({ name }) => server.tools?.includes(name));
};

const buildTools = (tools: readonly McpTool[]): readonly Tool[] => {
  const taken = new Set<string>();
  return tools.map((tool) => {
    const name = chooseName(`${tool.server.name}__${tool.definition.name}`, taken);
    taken.add(name);
    return buildTool(name, tool);
  });
};

/** As every provider takes it; a name that had to be cut, or that another tool has already, ends with a hash of the whole. */
const chooseName = (wanted: string, taken: ReadonlySet<string>): string => {
  const spelled = wanted.replaceAll(/[^A-Za-z0-9_-]/g, '_');
  if (spelled.length <= MAX_NAME_CHARACTERS && !taken.has(spelled)) return spelled;
  for (let attempt = 0; ; attempt += 1) {
    const hash = createHash('sha256').update(`${wanted}#${attempt}`).digest('hex').slice(0, HASH_CHARACTERS);
    const name = `${spelled.slice(0, MAX_NAME_CHARACTERS - HASH_CHARACTERS - 1)}_${hash}`;
    if (!taken.has(name)) return name;
  }
};

const buildTool = (name: string, { server, connection, definition }: McpTool): Tool => {
  const { title, description, annotations, inputSchema } = definition;
  return {
    name,
    description: description ?? title ?? `The tool "${definition.name}" of the MCP server "${server.name}".`,
    inputSchema,
    // Hints of a server that the agent's author chose to trust.
    isRepeatable: annotations?.readOnlyHint === true || annotations?.idempotentHint === true,
    run: async (input, call) => {
      if (!isObject(input))
        return failed(`The input of ${name} does not fit: expected an object, found ${JSON.stringify(input)}.`);
      const facts = { mcp_server: server.name, mcp_tool: definition.name };
      try {
        const answer = await connection.call(definition.name, input, call.signal);
        return { ...translateMcpResult(answer, call), facts };
      } catch (error) {
        call.signal.throwIfAborted();
        const reason = error instanceof Error ? error.message : String(error);
        return failed(
          `The MCP server "${server.name}" did not answer the call of ${definition.name}: ${reason}`,
          facts,
        );
      }
    },
  };
};

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
