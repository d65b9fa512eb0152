import { AGENT_DEFAULTS, type Agent, type EgressPolicy, type McpServer } from './agent.ts';
import { BUILTIN_TOOLS } from './builtin-tools.ts';
import { findSchemaFault } from './json-schema.ts';
import { findBatchFault } from './model-batch.ts';
import { nearestName } from './nearest-name.ts';

/** What a client says of an agent; storing it gives it a version. */
export type AgentDefinition = Omit<Agent, 'version'>;

/** Names that an agent may have; the tables hold it too. */
export const AGENT_NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/;

/** Stands in answers for what is never shown. */
export const MASK = '…';

/**
 * What hinders an agent from being stored, each as "field: found …, expected …" in the words of the API; empty when
 * nothing does. Values of headers and variables are never repeated.
 */
export const findAgentFaults = (agent: AgentDefinition): readonly string[] => [
  ...(AGENT_NAME.test(agent.name)
    ? []
    : [`name: ${found(agent.name)}, expected 1 to 64 of a-z, 0-9, "-" and "_", not beginning with "-" or "_"`]),
  ...runtimeFaults(agent),
  ...modelCallFaults(agent),
  ...(agent.tools ?? []).flatMap((tool, index) => toolFaults(tool, `tools[${index}]`)),
  ...repeated(agent.tools ?? []).map((tool) => `tools: ${found(tool)} twice, expected each name once`),
  ...agent.mcpServers.flatMap((server, index) => serverFaults(server, `mcp_servers[${index}]`)),
  ...repeated(agent.mcpServers.map(({ name }) => name)).map(
    (name) => `mcp_servers: found two servers named ${JSON.stringify(name)}, expected different names`,
  ),
  ...approvalFaults(agent),
  ...egressFaults(agent.egress),
  ...schemaFaults(agent),
];

/** The fields of the wire that only the runtime `llm` reads. */
const LLM_FIELDS = Object.freeze({
  model: 'model',
  model_calls: 'modelCalls',
  instructions: 'instructions',
  tools: 'tools',
  mcp_servers: 'mcpServers',
  approvals: 'approvals',
  egress: 'egress',
  limits: 'limits',
  output_schema: 'outputSchema',
} satisfies Readonly<Record<string, keyof typeof AGENT_DEFAULTS>>);

const runtimeFaults = (agent: AgentDefinition): string[] => {
  if (agent.runtime === 'llm') return [];
  return Object.entries(LLM_FIELDS)
    .filter(([, key]) => JSON.stringify(agent[key]) !== JSON.stringify(AGENT_DEFAULTS[key]))
    .map(
      ([field]) =>
        `${field}: found a value with the runtime "${agent.runtime}", expected none; only the runtime "llm" reads it`,
    );
};

/** Of an agent that names no model, whoever knows the server's own looks. */
const modelCallFaults = ({ model, modelCalls }: AgentDefinition): string[] => {
  const fault = modelCalls === 'batch' && model !== null ? findBatchFault(model) : null;
  return fault === null ? [] : [fault];
};

const toolFaults = (tool: string, place: string): string[] => {
  if (BUILTIN_TOOLS.includes(tool)) return [];
  return [`${place}: ${found(tool)}, expected one of ${BUILTIN_TOOLS.join(', ')}${hint(tool, BUILTIN_TOOLS)}`];
};

const SERVER_NAME = /^[a-z0-9-]{1,32}$/;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
/** What kazi's HTTP client says itself. */
const OWN_HEADERS = [
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'transfer-encoding',
  'upgrade',
];

const serverFaults = (server: McpServer, place: string): string[] => [
  ...(SERVER_NAME.test(server.name)
    ? []
    : [`${place}.name: ${found(server.name)}, expected 1 to 32 of a-z, 0-9 and "-"`]),
  ...(server.transport === 'http'
    ? [...urlFaults(server.url, `${place}.url`), ...headerFaults(server.headers, `${place}.headers`)]
    : variableFaults(server.env, `${place}.env`)),
];

const urlFaults = (url: string, place: string): string[] => {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !['http:', 'https:'].includes(parsed.protocol)) {
    return [`${place}: ${found(url)}, expected an address such as "https://example.org/mcp"`];
  }
  if (parsed.username !== '' || parsed.password !== '') {
    return [`${place}: found a user or password in the address, expected an address without; use headers`];
  }
  return url.includes(MASK) ? [maskFault(place)] : [];
};

const headerFaults = (headers: Readonly<Record<string, string>>, place: string): string[] => [
  ...Object.entries(headers).flatMap(([name, value]) => {
    if (!HEADER_NAME.test(name)) return [`${place}: found the name ${clipped(name)}, expected the name of a header`];
    if (OWN_HEADERS.includes(name.toLowerCase()))
      return [`${place}: ${found(name)}, expected a header that kazi does not set`];
    if (value === MASK) return [maskFault(`${place}.${name}`)];
    if (HEADER_VALUE.test(value)) return [];
    return [`${place}.${name}: found a character that headers cannot carry, expected visible Latin-1 characters`];
  }),
  ...repeated(Object.keys(headers).map((name) => name.toLowerCase())).map(
    (name) => `${place}: ${found(name)} twice, expected each header once, in upper or lower case`,
  ),
];

const variableFaults = (env: Readonly<Record<string, string>>, place: string): string[] =>
  Object.entries(env).flatMap(([name, value]) => {
    if (!VARIABLE_NAME.test(name))
      return [`${place}: found the name ${clipped(name)}, expected a name such as API_TOKEN`];
    return value === MASK ? [maskFault(`${place}.${name}`)] : [];
  });

const maskFault = (place: string): string =>
  `${place}: found the mark "${MASK}" that answers show in place of a secret, expected the value itself`;

const approvalFaults = ({ approvals, mcpServers }: AgentDefinition): string[] => {
  const prefixes = mcpServers.map(({ name }) => `${name}__`);
  return Object.keys(approvals.tools).flatMap((tool) => {
    const isOfServer = prefixes.some(
      (prefix) => tool.startsWith(prefix) && /^[A-Za-z0-9_-]+$/.test(tool.slice(prefix.length)),
    );
    if (isOfServer || BUILTIN_TOOLS.includes(tool)) return [];
    return [
      `approvals.tools: ${found(tool)}, expected the exact name of a built-in tool, or SERVER__TOOL of one of mcp_servers${hint(tool, BUILTIN_TOOLS)}`,
    ];
  });
};

const HOST =
  /^(?:\*\.)?((?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?|\[[0-9a-f:.]+\])(?::(\d{1,5}))?$/;

const egressFaults = (egress: EgressPolicy): string[] => {
  if (egress.kind !== 'hosts') return [];
  return egress.hosts.flatMap((host, index) => {
    const [, name, port = '443'] = HOST.exec(host) ?? [];
    const isHost = name !== undefined && URL.canParse(`http://${name}`) && new URL(`http://${name}`).hostname === name;
    if (isHost && Number(port) >= 1 && Number(port) <= 65_535) return [];
    return [
      `egress.hosts[${index}]: ${found(host)}, expected a host such as "example.org", "*.example.org" or "example.org:8443"`,
    ];
  });
};

const schemaFaults = ({ outputSchema }: AgentDefinition): string[] => {
  const fault = outputSchema && findSchemaFault(outputSchema);
  return fault === null ? [] : [`output_schema: ${fault}`];
};

const SHOWN_CHARACTERS = 80;

const clipped = (text: string): string =>
  JSON.stringify(text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text);

const found = (text: string): string => `found ${clipped(text)}`;

const hint = (text: string, known: readonly string[]): string => {
  const nearest = nearestName(text.slice(0, SHOWN_CHARACTERS), known);
  return nearest === null ? '' : `; did you mean "${nearest}"?`;
};

const repeated = (names: readonly string[]): readonly string[] => [
  ...new Set(names.filter((name, index) => names.indexOf(name) < index)),
];
