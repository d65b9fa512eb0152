import { randomUUID } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { ApiClient } from '../client.ts';
import { type ClientOptions, connect } from '../connection.ts';
import { EXIT_CODES } from '../exit-code.ts';
import { workerPath } from '../read-worker.ts';
import { writeJson } from '../table.ts';
import { outputOf } from '../terminal.ts';
import { workerSchema } from '../wire-worker.ts';

export interface TurnOptions extends ClientOptions {
  readonly budget?: string;
  readonly json?: boolean;
}

/** Makes a worker; prints its id. */
export const createWorker = async (input: string, options: TurnOptions): Promise<number> =>
  await sendTurn('/api/workers', input, options);

/** Queues another turn of a worker; prints the id of its job. */
export const continueWorker = async (id: string, input: string, options: TurnOptions): Promise<number> =>
  await sendTurn(workerPath(id), input, options);

/** One turn, however often the request has to be sent. */
const sendTurn = async (path: string, input: string, options: TurnOptions): Promise<number> => {
  const client = new ApiClient(await connect(options));
  const body = { input: input === '-' ? await text(process.stdin) : input, budget: options.budget };
  const headers = { accept: 'application/json', 'idempotency-key': randomUUID() };
  const worker = await client.request(workerSchema, { method: 'POST', path, body, headers });
  const output = outputOf(process.stdout);
  if (options.json === true) writeJson(output, worker);
  else output.write(`${path === '/api/workers' ? worker.id : worker.metadata.job_id}\n`);
  return EXIT_CODES.ok;
};
