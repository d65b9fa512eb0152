import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { ApiClient } from '../client.ts';
import { connect } from '../connection.ts';
import { CommandFailure, EXIT_CODES } from '../exit-code.ts';
import { writeJson } from '../table.ts';
import { outputOf } from '../terminal.ts';
import type { BatchesOptions } from './batches.ts';

/** Hands in a batch: a JSON body with `requests`, or one request a line. Prints its id. */
export const createBatch = async (
  options: BatchesOptions & { readonly file: string; readonly callback?: string },
): Promise<number> => {
  const requests = parseRequests(options.file === '-' ? await readAll(process.stdin) : await readInput(options.file));
  const client = new ApiClient(await connect(options));
  const body = { ...requests, ...(options.callback === undefined ? {} : { callback_url: options.callback }) };
  const batch = await client.createBatch(body);
  const output = outputOf(process.stdout);
  if (options.json === true) writeJson(output, batch);
  else output.write(`${batch.id}\n`);
  return EXIT_CODES.ok;
};

const readInput = async (path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new CommandFailure('usage', `"${path}" cannot be read, expected a file of requests, or "-"`, { cause });
  }
};

/** What the items may say is for the server to check. */
const parseRequests = (text: string): Readonly<Record<string, unknown>> => {
  const whole = parseJson(text);
  if (typeof whole === 'object' && whole !== null && 'requests' in whole) return { ...whole };
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const requests = lines.map(parseJson);
  const bad = requests.indexOf(undefined);
  if (bad < 0) return { requests };
  throw new CommandFailure('usage', `line ${bad + 1} is no JSON, expected {"requests": […]}, or one request a line`);
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    // The caller says which line.
    return undefined;
  }
};
