import { readFile } from 'node:fs/promises';
import { ApiClient } from '../client.ts';
import { connect } from '../connection.ts';
import { parseDuration } from '../duration.ts';
import { endpointPath, sendEndpoint } from '../endpoint-request.ts';
import { CommandFailure, EXIT_CODES } from '../exit-code.ts';
import { writeJson } from '../table.ts';
import { outputOf } from '../terminal.ts';
import { webhookAnswers } from '../wire-webhooks.ts';
import type { WebhooksOptions } from './webhook-endpoints.ts';

export interface RotateOptions extends WebhooksOptions {
  readonly secretFile?: string;
  readonly keepPrevious?: string;
}

/** Gives an endpoint a new signing secret. */
export const rotateSecret = async (id: string, options: RotateOptions): Promise<number> => {
  const signing_secret = options.secretFile === undefined ? undefined : await readSecret(options.secretFile);
  const keep_previous_seconds =
    options.keepPrevious === undefined ? undefined : Math.floor(parseDuration(options.keepPrevious) / 1_000);
  return await sendEndpoint(options, {
    method: 'POST',
    path: `${endpointPath(id)}/rotate-secret`,
    body: { signing_secret, keep_previous_seconds },
  });
};

/** Puts an endpoint into use again, or takes it out. */
export const switchEndpoint = async (enabled: boolean, id: string, options: WebhooksOptions): Promise<number> =>
  await sendEndpoint(options, { method: 'PATCH', path: endpointPath(id), body: { enabled } });

/** Deletes an endpoint; its log stays. */
export const deleteEndpoint = async (id: string, options: WebhooksOptions): Promise<number> => {
  const client = new ApiClient(await connect(options));
  const answer = await client.request(webhookAnswers.deleted, { method: 'DELETE', path: endpointPath(id) });
  const output = outputOf(process.stdout);
  if (options.json === true) writeJson(output, answer);
  else output.write(`${id} deleted\n`);
  return EXIT_CODES.ok;
};

const readSecret = async (file: string): Promise<string> => {
  try {
    return (await readFile(file, 'utf8')).replace(/\r?\n$/, '');
  } catch (cause) {
    const message = `the file "${file}" cannot be read, expected one that holds the secret; check the path`;
    throw new CommandFailure('usage', message, { cause });
  }
};
