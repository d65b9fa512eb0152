import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { isWorkerId } from '../../core/worker-id.ts';
import { ApiClient } from '../client.ts';
import { type ClientOptions, connect } from '../connection.ts';
import { describeTime } from '../describe.ts';
import { EXIT_CODES } from '../exit-code.ts';
import { readWorker, workerPath } from '../read-worker.ts';
import { writeJson, writeTable } from '../table.ts';
import { harmless, outputOf } from '../terminal.ts';
import type { WireWorker } from '../wire-worker.ts';

export interface WorkersOptions extends ClientOptions {
  readonly json?: boolean;
}

const sessionPage = z.looseObject({
  sessions: z.array(z.looseObject({ session_id: z.string(), status: z.string(), last_active_at: z.number() })),
  next_cursor: z.string().nullish(),
});

/** Workers among the newest sessions: one page, with the cursor of the next one on stderr (in `next_cursor` with --json). */
export const listWorkers = async (
  options: WorkersOptions & { readonly limit?: string; readonly cursor?: string },
): Promise<number> => {
  const query = new URLSearchParams({ limit: options.limit ?? '20' });
  if (options.cursor !== undefined) query.set('cursor', options.cursor);
  const client = new ApiClient(await connect(options));
  const page = await client.request(sessionPage, { path: `/sessions?${query.toString()}` });
  const workers = page.sessions.filter(({ session_id }) => isWorkerId(session_id));
  const output = outputOf(process.stdout);
  if (options.json === true) {
    writeJson(output, { workers, next_cursor: page.next_cursor ?? null });
    return EXIT_CODES.ok;
  }
  const rows = workers.map((worker) => [
    worker.session_id,
    worker.status,
    describeTime(Math.floor(worker.last_active_at / 1_000)),
  ]);
  writeTable(output, { titles: ['WORKER', 'STATUS', 'ACTIVE'], rows });
  if (page.next_cursor) outputOf(process.stderr).write(`more: --cursor ${page.next_cursor}\n`);
  return EXIT_CODES.ok;
};

/** One worker, with its newest answer. */
export const showWorker = async (id: string, options: WorkersOptions): Promise<number> => {
  const worker = await readWorker(new ApiClient(await connect(options)), id);
  const output = outputOf(process.stdout);
  if (options.json === true) {
    writeJson(output, worker);
    return EXIT_CODES.ok;
  }
  const { metadata } = worker;
  const facts: readonly (readonly [string, string | null | undefined])[] = [
    ['worker', worker.id],
    ['title', metadata.title],
    ['status', worker.running ? 'running' : metadata.job_status],
    ['error', metadata.error],
    ['job', metadata.job_id],
    ['cost', worker.usage ? `${worker.usage.costUsd} USD` : null],
    ['files', worker.files.map((file) => pathOf(worker, file.url)).join(', ')],
  ];
  for (const [name, value] of facts) {
    if (value) output.write(`${output.style('dim', name.padEnd(8))} ${harmless(value)}\n`);
  }
  const text = harmless(worker.output_text).trimEnd();
  if (text !== '') output.write(`\n${text}\n`);
  return EXIT_CODES.ok;
};

/** The files of a worker; with a path, the bytes of that file. */
export const workerFiles = async (id: string, path: string | undefined, options: WorkersOptions): Promise<number> => {
  const client = new ApiClient(await connect(options));
  if (path !== undefined) {
    const encoded = path.split('/').map(encodeURIComponent).join('/');
    const body = await client.openBody({ path: `${workerPath(id)}/files/${encoded}` });
    if (body !== null) await pipeline(body, process.stdout, { end: false });
    return EXIT_CODES.ok;
  }
  const worker = await readWorker(client, id);
  const output = outputOf(process.stdout);
  if (options.json === true) writeJson(output, worker.files);
  else for (const { url } of worker.files) output.write(`${harmless(pathOf(worker, url))}\n`);
  return EXIT_CODES.ok;
};

/** The path of a file in its workspace, out of its URL: what `files` takes. */
const pathOf = ({ id }: WireWorker, url: string): string => {
  const { pathname } = new URL(url);
  const at = pathname.indexOf(`${workerPath(id)}/files/`);
  return pathname
    .slice(at + `${workerPath(id)}/files/`.length)
    .split('/')
    .map(decodeURIComponent)
    .join('/');
};
