import { ApiClient } from '../client.ts';
import { type ClientOptions, connect } from '../connection.ts';
import { parseDuration } from '../duration.ts';
import { endpointPath, sendEndpoint } from '../endpoint-request.ts';
import { CommandFailure, EXIT_CODES } from '../exit-code.ts';
import { writeJson, writeTable } from '../table.ts';
import { outputOf } from '../terminal.ts';
import { webhookAnswers } from '../wire-webhooks.ts';

export interface WebhooksOptions extends ClientOptions {
  readonly json?: boolean;
}

export interface EndpointOptions extends WebhooksOptions {
  readonly webhookUrl?: string;
  readonly name?: string;
  readonly events?: string;
  readonly session?: string;
  readonly secretRef?: string;
  readonly header?: readonly string[];
  readonly timeout?: string;
  readonly attempts?: string;
}

/** All endpoints of the tenant. */
export const listEndpoints = async (options: WebhooksOptions): Promise<number> => {
  const client = new ApiClient(await connect(options));
  const answer = await client.request(webhookAnswers.endpointList, { path: '/webhooks/endpoints' });
  const output = outputOf(process.stdout);
  if (options.json === true) {
    writeJson(output, answer);
    return EXIT_CODES.ok;
  }
  const rows = answer.endpoints.map((endpoint) => [
    endpoint.id,
    endpoint.name,
    endpoint.enabled ? 'enabled' : `disabled: ${endpoint.disabled_reason ?? ''}`,
    endpoint.events?.join(' ') ?? 'all',
    endpoint.url,
  ]);
  writeTable(output, { titles: ['ID', 'NAME', 'STATE', 'EVENTS', 'URL'], rows });
  return EXIT_CODES.ok;
};

/** Makes an endpoint. A signing secret that the server made for it is on stdout, this once; what belongs to it, on stderr. */
export const createEndpoint = async (url: string, options: EndpointOptions): Promise<number> =>
  await sendEndpoint(options, { method: 'POST', path: '/webhooks/endpoints', body: { ...toBody(options), url } });

/** Changes what is named of an endpoint. */
export const changeEndpoint = async (id: string, options: EndpointOptions): Promise<number> =>
  await sendEndpoint(options, { method: 'PATCH', path: endpointPath(id), body: toBody(options) });

/** Absent options are left out: the server keeps, or chooses, what they mean. */
const toBody = (options: EndpointOptions): Readonly<Record<string, unknown>> => ({
  url: options.webhookUrl,
  name: options.name,
  events: options.events === 'all' ? null : options.events?.split(','),
  session_id: options.session,
  secret_ref: options.secretRef,
  headers: options.header && Object.fromEntries(options.header.map(toHeader)),
  timeout_seconds: options.timeout === undefined ? undefined : Math.round(parseDuration(options.timeout) / 1_000),
  max_attempts: options.attempts === undefined ? undefined : Number(options.attempts),
});

const toHeader = (text: string): readonly [string, string] => {
  const [, name, value] = /^([^:]+):\s*(.*)$/s.exec(text) ?? [];
  if (name !== undefined && value !== undefined) return [name.trim(), value];
  throw new CommandFailure('usage', 'found a --header without a colon, expected "Name: value"');
};
