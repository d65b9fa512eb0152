import { ApiClient, type JobListFilter } from '../client.ts';
import { type ClientOptions, connect } from '../connection.ts';
import { describeTime } from '../describe.ts';
import { downloadArtifacts } from '../download-artifacts.ts';
import { EXIT_CODES } from '../exit-code.ts';
import { InterruptWatch } from '../interrupt-watch.ts';
import { describeEnd } from '../plain-view.ts';
import { readWaitReason } from '../read-wait-reason.ts';
import { writeJson, writeTable } from '../table.ts';
import { harmless, type Output, outputOf } from '../terminal.ts';
import type { WireJob } from '../wire.ts';

export interface JobsOptions extends ClientOptions {
  readonly json?: boolean;
}

export interface JobsListOptions extends JobsOptions {
  readonly status?: string;
  readonly session?: string;
  readonly agent?: string;
  readonly limit?: string;
  readonly cursor?: string;
}

/** Newest first; one page, with the cursor of the next one on stderr (in `next_cursor` with --json). */
export const listJobs = async (options: JobsListOptions): Promise<number> => {
  const client = new ApiClient(await connect(options));
  const { status, session: session_id, agent: agent_type, limit, cursor } = options;
  const filter: JobListFilter = { status, session_id, agent_type, limit, cursor };
  const page = await client.listJobs(filter);
  const output = outputOf(process.stdout);
  if (options.json === true) {
    writeJson(output, page);
    return EXIT_CODES.ok;
  }
  const rows = page.jobs.map((job) => [
    job.job_id,
    job.status,
    describeTime(job.created_at),
    job.session_id,
    (job.question ?? '').slice(0, 80),
  ]);
  writeTable(output, { titles: ['JOB', 'STATUS', 'CREATED', 'SESSION', 'INPUT'], rows });
  if (page.next_cursor) outputOf(process.stderr).write(`more: --cursor ${page.next_cursor}\n`);
  return EXIT_CODES.ok;
};

/** One job; `--artifacts` saves its files as `kazi run` does. */
export const showJob = async (
  jobId: string,
  options: JobsOptions & { readonly artifacts?: boolean },
): Promise<number> => {
  const client = new ApiClient(await connect(options));
  const job = await client.getJob(jobId);
  const output = outputOf(process.stdout);
  if (options.json === true) writeJson(output, job);
  else writeJob(output, job, await readWaitReason(client, job));
  if (options.artifacts !== true) return EXIT_CODES.ok;
  const interrupts = new InterruptWatch();
  try {
    const savedIn = await downloadArtifacts(client, job, { folder: 'kazi-artifacts', signal: interrupts.signal });
    outputOf(process.stderr).write(savedIn === null ? 'the job has no artifacts\n' : `artifacts in ${savedIn}\n`);
  } finally {
    interrupts.stop();
  }
  return EXIT_CODES.ok;
};

/** Cancels a job, and says how it stands then: a job that had ended stays what it was. */
export const cancelJob = async (jobId: string, options: JobsOptions): Promise<number> => {
  const job = await new ApiClient(await connect(options)).cancelJob(jobId);
  const output = outputOf(process.stdout);
  if (options.json === true) writeJson(output, job);
  else output.write(`${job.job_id} ${job.status}\n`);
  return EXIT_CODES.ok;
};

const writeJob = (output: Output, job: WireJob, waitReason: string | null): void => {
  const facts: readonly (readonly [string, string | null | undefined])[] = [
    ['job', job.job_id],
    ['status', describeEnd(job)],
    ['waits', waitReason],
    ['session', job.session_id],
    ['created', describeTime(job.created_at)],
    ['attempts', String(job.attempts ?? 0)],
    ['sandbox', job.sandbox_id],
    ['cost', typeof job.total_cost_usd === 'number' ? `${job.total_cost_usd} USD` : null],
    ['input', (job.question ?? '').split('\n')[0]],
    ['artifacts', job.artifacts?.files.map(({ path }) => path).join(', ')],
  ];
  for (const [name, value] of facts) {
    if (value) output.write(`${output.style('dim', name.padEnd(10))} ${harmless(value)}\n`);
  }
  const text = harmless(job.result?.summary?.text ?? '').trimEnd();
  if (text !== '') output.write(`\n${text}\n`);
};
