import { ApiClient } from '../client.ts';
import { type ClientOptions, connect } from '../connection.ts';
import { describeTime } from '../describe.ts';
import { parseDuration } from '../duration.ts';
import { EXIT_CODES } from '../exit-code.ts';
import { writeJson, writeTable } from '../table.ts';
import { outputOf } from '../terminal.ts';

export interface KeysOptions extends ClientOptions {
  readonly json?: boolean;
}

export interface KeyCreateOptions extends KeysOptions {
  readonly name: string;
  readonly user?: string;
  readonly scope?: readonly string[];
  readonly expires?: string;
}

/** Makes a key. Its text is on stdout, this once; what belongs to it, on stderr. */
export const createKey = async (options: KeyCreateOptions): Promise<number> => {
  const expiresAt =
    options.expires === undefined ? undefined : Math.floor((Date.now() + parseDuration(options.expires)) / 1_000);
  const made = await new ApiClient(await connect(options)).createKey({
    name: options.name,
    user_id: options.user,
    scopes: options.scope,
    expires_at: expiresAt,
  });
  const output = outputOf(process.stdout);
  if (options.json === true) {
    writeJson(output, made);
    return EXIT_CODES.ok;
  }
  outputOf(process.stderr).write(
    `key ${made.key.id} of user "${made.key.user_id}" with scope ${made.key.scopes.join(', ')}; it is shown only this once:\n`,
  );
  output.write(`${made.api_key}\n`);
  return EXIT_CODES.ok;
};

/** All keys of the tenant, without their text. */
export const listKeys = async (options: KeysOptions): Promise<number> => {
  const answer = await new ApiClient(await connect(options)).listKeys();
  const output = outputOf(process.stdout);
  if (options.json === true) {
    writeJson(output, answer);
    return EXIT_CODES.ok;
  }
  const rows = answer.keys.map((key) => [
    key.id,
    `${key.hint}…`,
    key.name,
    key.user_id,
    key.scopes.join(' '),
    typeof key.revoked_at === 'number'
      ? `revoked ${describeTime(key.revoked_at)}`
      : `expires ${describeTime(key.expires_at)}`,
    describeTime(key.last_used_at),
  ]);
  writeTable(output, { titles: ['ID', 'KEY', 'NAME', 'USER', 'SCOPES', 'LIFE', 'LAST USED'], rows });
  return EXIT_CODES.ok;
};

/** Revokes a key for good. */
export const revokeKey = async (id: string, options: KeysOptions): Promise<number> => {
  const answer = await new ApiClient(await connect(options)).revokeKey(id);
  const output = outputOf(process.stdout);
  if (options.json === true) writeJson(output, answer);
  else output.write(`${answer.key.id} revoked\n`);
  return EXIT_CODES.ok;
};
