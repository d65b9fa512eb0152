import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { ApiClient } from '../client.ts';
import { type ClientOptions, connect } from '../connection.ts';
import { describeTime } from '../describe.ts';
import { parseDuration } from '../duration.ts';
import { CommandFailure, EXIT_CODES } from '../exit-code.ts';
import { writeJson, writeTable } from '../table.ts';
import { outputOf } from '../terminal.ts';
import { webhookAnswers } from '../wire-webhooks.ts';

export interface SecretsOptions extends ClientOptions {
  readonly json?: boolean;
}

export interface SecretSetOptions extends SecretsOptions {
  readonly file?: string;
  readonly keepPrevious?: string;
}

const pathOf = (name: string): string => `/secrets/${encodeURIComponent(name)}`;

/** Stores a secret, read from standard input or a file: what stands on a command line is seen by every process of the machine. */
export const setSecret = async (name: string, options: SecretSetOptions): Promise<number> => {
  const value = (await readValue(options.file)).replace(/\r?\n$/, '');
  const keep = options.keepPrevious === undefined ? 0 : Math.floor(parseDuration(options.keepPrevious) / 1_000);
  const client = new ApiClient(await connect(options));
  const answer = await client.request(webhookAnswers.secret, {
    method: 'PUT',
    path: pathOf(name),
    body: { value, keep_previous_seconds: keep },
  });
  const output = outputOf(process.stdout);
  if (options.json === true) writeJson(output, answer);
  else output.write(`${answer.secret.name} set\n`);
  return EXIT_CODES.ok;
};

/** All secrets of the tenant, without their values. */
export const listSecrets = async (options: SecretsOptions): Promise<number> => {
  const answer = await new ApiClient(await connect(options)).request(webhookAnswers.secretList, { path: '/secrets' });
  const output = outputOf(process.stdout);
  if (options.json === true) {
    writeJson(output, answer);
    return EXIT_CODES.ok;
  }
  const rows = answer.secrets.map((secret) => [
    secret.name,
    describeTime(secret.updated_at),
    describeTime(secret.last_used_at),
    describeTime(secret.previous_until),
  ]);
  writeTable(output, { titles: ['NAME', 'SET', 'LAST USED', 'PREVIOUS UNTIL'], rows });
  return EXIT_CODES.ok;
};

/** Deletes a secret for good. */
export const deleteSecret = async (name: string, options: SecretsOptions): Promise<number> => {
  const client = new ApiClient(await connect(options));
  const answer = await client.request(webhookAnswers.deleted, { method: 'DELETE', path: pathOf(name) });
  const output = outputOf(process.stdout);
  if (options.json === true) writeJson(output, answer);
  else output.write(`${name} deleted\n`);
  return EXIT_CODES.ok;
};

const readValue = async (file: string | undefined): Promise<string> => {
  if (file === undefined) return await text(process.stdin);
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const message = `the file "${file}" cannot be read, expected one that holds the secret; check the path`;
    throw new CommandFailure('usage', message, { cause });
  }
};
