import { z } from 'zod';
import { ApiClient } from '../client.ts';
import { connect } from '../connection.ts';
import { EXIT_CODES } from '../exit-code.ts';
import { readWorker, workerPath } from '../read-worker.ts';
import { writeJson } from '../table.ts';
import { outputOf } from '../terminal.ts';
import type { WorkersOptions } from './workers.ts';

const jobPage = z.looseObject({ jobs: z.array(z.looseObject({ job_id: z.uuid(), status: z.string() })) });

/** Cancels what runs and waits, the newest first, so that nothing begins meanwhile. */
export const cancelWorker = async (id: string, options: WorkersOptions): Promise<number> => {
  const client = new ApiClient(await connect(options));
  await readWorker(client, id);
  const query = new URLSearchParams({ session_id: id, status: 'queued,running', limit: '100' });
  const { jobs } = await client.request(jobPage, { path: `/jobs?${query.toString()}` });
  for (const { job_id } of jobs) await client.cancelJob(job_id);
  const output = outputOf(process.stdout);
  if (options.json === true) writeJson(output, await readWorker(client, id));
  else output.write(`${id} canceled ${jobs.length}\n`);
  return EXIT_CODES.ok;
};

/** Deletes a worker, with all that it does and would do. */
export const deleteWorker = async (id: string, options: WorkersOptions): Promise<number> => {
  const client = new ApiClient(await connect(options));
  const answer = await client.request(z.looseObject({ deleted: z.boolean() }), {
    method: 'DELETE',
    path: workerPath(id),
  });
  const output = outputOf(process.stdout);
  if (options.json === true) writeJson(output, answer);
  else output.write(`${id} deleted\n`);
  return EXIT_CODES.ok;
};
