import { z } from 'zod';
import { ApiClient } from '../client.ts';
import { connect } from '../connection.ts';
import { CommandFailure, EXIT_CODES } from '../exit-code.ts';
import { workerPath } from '../read-worker.ts';
import { writeJson } from '../table.ts';
import { harmless, outputOf } from '../terminal.ts';
import type { WorkersOptions } from './workers.ts';

const emailAnswer = z.looseObject({ email: z.string() });
const sendersAnswer = z.looseObject({ senders: z.array(z.string()), inherited: z.boolean() });
/** The answer as JSON, which older clients do not get. */
const NEWER = { accept: 'application/json; version=0.14' };

/** The mail address of a worker. */
export const workerEmail = async (id: string, options: WorkersOptions): Promise<number> => {
  const client = new ApiClient(await connect(options));
  const answer = await client.request(emailAnswer, { path: `${workerPath(id)}/email`, headers: NEWER });
  const output = outputOf(process.stdout);
  if (options.json === true) writeJson(output, answer);
  else output.write(`${harmless(answer.email)}\n`);
  return EXIT_CODES.ok;
};

/** Shows who may write to a worker, or says it. */
export const workerSenders = async (
  id: string,
  addresses: readonly string[],
  options: WorkersOptions & { readonly owner?: boolean; readonly none?: boolean },
): Promise<number> => {
  const ways = [addresses.length > 0, options.owner === true, options.none === true].filter(Boolean).length;
  if (ways > 1) {
    throw new CommandFailure('usage', 'found addresses, --owner and --none together, expected one of them or nothing');
  }
  const client = new ApiClient(await connect(options));
  const path = `${workerPath(id)}/email/senders`;
  const senders = options.owner === true ? null : addresses;
  const answer = await client.request(
    sendersAnswer,
    ways === 0 ? { path } : { method: 'PUT', path, body: { senders } },
  );
  const output = outputOf(process.stdout);
  if (options.json === true) {
    writeJson(output, answer);
    return EXIT_CODES.ok;
  }
  for (const sender of answer.senders) output.write(`${harmless(sender)}\n`);
  const origin = answer.inherited ? 'the addresses of its owner (kazi mail)' : 'a list of its own';
  outputOf(process.stderr).write(`${answer.senders.length === 0 ? 'nobody; ' : ''}${origin}\n`);
  return EXIT_CODES.ok;
};
