import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { ApiClient } from '../client.ts';
import { type ClientOptions, connect } from '../connection.ts';
import { CommandFailure, EXIT_CODES } from '../exit-code.ts';
import { writeJson, writeTable } from '../table.ts';
import { type Output, outputOf } from '../terminal.ts';
import type { WireBatch } from '../wire.ts';

export interface BatchesOptions extends ClientOptions {
  readonly json?: boolean;
}

interface PageOptions extends BatchesOptions {
  readonly limit?: string;
  readonly after?: string;
}

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

/** Newest first; one page. */
export const listBatches = async (options: PageOptions): Promise<number> => {
  const { limit, after } = options;
  const batches = await new ApiClient(await connect(options)).listBatches({ limit, after });
  const output = outputOf(process.stdout);
  if (options.json === true) writeJson(output, batches);
  else writeTable(output, { titles: ['BATCH', 'STATUS', 'ENDED', 'FAILED', 'CREATED'], rows: batches.map(toRow) });
  return EXIT_CODES.ok;
};

/** One batch with its counts. */
export const showBatch = async (batchId: string, options: BatchesOptions): Promise<number> =>
  writeBatch(await new ApiClient(await connect(options)).getBatch(batchId), options);

/** Cancels a batch, and says how it stands then: one that had ended stays what it was. */
export const cancelBatch = async (batchId: string, options: BatchesOptions): Promise<number> => {
  const client = new ApiClient(await connect(options));
  await client.cancelBatch(batchId);
  return writeBatch(await client.getBatch(batchId), options);
};

/** How each item did, in the order of the request; with --jsonl all of them, one JSON object a line. */
export const listItems = async (
  batchId: string,
  options: PageOptions & { readonly jsonl?: boolean },
): Promise<number> => {
  const client = new ApiClient(await connect(options));
  const output = outputOf(process.stdout);
  if (options.jsonl === true) {
    output.write(await client.downloadBatchItems(batchId));
    return EXIT_CODES.ok;
  }
  const { limit, after } = options;
  const page = await client.listBatchItems(batchId, { limit, after });
  if (options.json === true) {
    writeJson(output, page);
    return EXIT_CODES.ok;
  }
  const rows = page.items.map((item) => [item.job_id, item.status, item.agent_id, item.error ?? '']);
  writeTable(output, { titles: ['JOB', 'STATUS', 'AGENT', 'ERROR'], rows });
  if (page.next_cursor) outputOf(process.stderr).write(`more: --after ${page.next_cursor}\n`);
  return EXIT_CODES.ok;
};

const writeBatch = (batch: WireBatch, { json }: BatchesOptions): number => {
  const output: Output = outputOf(process.stdout);
  if (json === true) writeJson(output, batch);
  else {
    const { total, succeeded, failed, cancelled } = batch.metadata.counts;
    output.write(`${batch.id} ${batch.status}\n`);
    output.write(`${total} items: ${succeeded} succeeded, ${failed} failed, ${cancelled} cancelled\n`);
  }
  return EXIT_CODES.ok;
};

const toRow = ({ id, status, created_at, metadata }: WireBatch): string[] => {
  const { total, succeeded, failed, cancelled } = metadata.counts;
  return [id, status, `${succeeded + failed + cancelled}/${total}`, String(failed), created_at];
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
