import { z } from 'zod';
import { ApiClient } from '../client.ts';
import { type ClientOptions, connect } from '../connection.ts';
import { CommandFailure, EXIT_CODES } from '../exit-code.ts';
import { writeJson, writeTable } from '../table.ts';
import { harmless, outputOf } from '../terminal.ts';

interface MailOptions extends ClientOptions {
  readonly json?: boolean;
}

const PATH = '/mail/addresses';
const user = z.looseObject({ user_id: z.string().nullable(), addresses: z.array(z.string()) });
const listAnswer = z.looseObject({ users: z.array(user) });
const setAnswer = z.looseObject({ user });

/** The mail addresses of the tenant's users. */
export const listAddresses = async (options: MailOptions): Promise<number> => {
  const answer = await new ApiClient(await connect(options)).request(listAnswer, { path: PATH });
  const output = outputOf(process.stdout);
  if (options.json === true) {
    writeJson(output, answer);
    return EXIT_CODES.ok;
  }
  const rows = answer.users.map(({ user_id, addresses }) => [user_id ?? '(no user)', addresses.join(', ')]);
  writeTable(output, { titles: ['USER', 'ADDRESSES'], rows });
  return EXIT_CODES.ok;
};

/** Replaces the mail addresses of one user. */
export const setAddresses = async (
  addresses: readonly string[],
  options: MailOptions & { readonly user?: string; readonly userless?: boolean },
): Promise<number> => {
  if (options.user !== undefined && options.userless === true) {
    throw new CommandFailure('usage', 'found --user and --userless together, expected one of them or none');
  }
  const userId = options.userless === true ? null : options.user;
  const body = { addresses, ...(userId === undefined ? {} : { user_id: userId }) };
  const client = new ApiClient(await connect(options));
  const answer = await client.request(setAnswer, { method: 'PUT', path: PATH, body });
  const output = outputOf(process.stdout);
  if (options.json === true) writeJson(output, answer);
  else
    output.write(
      `${harmless(answer.user.user_id ?? '(no user)')}: ${harmless(answer.user.addresses.join(', ')) || 'none'}\n`,
    );
  return EXIT_CODES.ok;
};
