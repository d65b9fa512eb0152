import { ApiClient } from './client.ts';
import { type ClientOptions, connect } from './connection.ts';
import { EXIT_CODES } from './exit-code.ts';
import { writeJson } from './table.ts';
import { outputOf } from './terminal.ts';
import { webhookAnswers } from './wire-webhooks.ts';

export const endpointPath = (id: string): string => `/webhooks/endpoints/${encodeURIComponent(id)}`;

/** Sends a request that answers with an endpoint, and prints it; a signing secret alone is on stdout, this once. */
export const sendEndpoint = async (
  options: ClientOptions & { readonly json?: boolean },
  request: { readonly method: 'POST' | 'PATCH'; readonly path: string; readonly body: unknown },
): Promise<number> => {
  const answer = await new ApiClient(await connect(options)).request(webhookAnswers.endpoint, request);
  const output = outputOf(process.stdout);
  if (options.json === true) {
    writeJson(output, answer);
    return EXIT_CODES.ok;
  }
  const { id, url, enabled, disabled_reason } = answer.endpoint;
  const state = enabled ? 'enabled' : `disabled: ${disabled_reason ?? ''}`;
  if (answer.signing_secret === undefined) {
    output.write(`${id} ${url} ${state}\n`);
  } else {
    outputOf(process.stderr).write(`${id} ${url} ${state}; its signing secret is shown only this once:\n`);
    output.write(`${answer.signing_secret}\n`);
  }
  return EXIT_CODES.ok;
};
