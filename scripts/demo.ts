/**
 * `npm run demo`: starts kazi with an embedded PostgreSQL in a throw-away data folder, has a job measure and draw kazi's own
 * sources, shows its progress and its result, and leaves nothing behind but the artifacts.
 */
import { constants } from 'node:fs';
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ApiClient } from '../src/cli/client.ts';
import { describeBytes, describeDuration } from '../src/cli/describe.ts';
import { downloadArtifacts } from '../src/cli/download-artifacts.ts';
import { followJob } from '../src/cli/follow-job.ts';
import { InterruptWatch } from '../src/cli/interrupt-watch.ts';
import { readKeptSecret } from '../src/cli/kept-secret.ts';
import { LiveView } from '../src/cli/live-view.ts';
import { createPlainView } from '../src/cli/plain-view.ts';
import { sendFiles } from '../src/cli/send-files.ts';
import { outputOf } from '../src/cli/terminal.ts';
import type { WireJob } from '../src/cli/wire.ts';
import { newSessionId } from '../src/core/session-id.ts';
import { collectSources } from './demo/collect-sources.ts';
import { demoEnvironment, startServerProcess } from './demo/server-process.ts';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const output = outputOf(process.stdout);

const say = (name: string, value: string): void => output.write(`${output.style('dim', name.padEnd(11))} ${value}\n`);

async function main(signal: AbortSignal): Promise<number> {
  const startedAtMs = performance.now();
  const dataDir = await mkdtemp(path.join(tmpdir(), 'kazi-demo-'));
  try {
    const server = await startServerProcess({ root, dataDir, env: demoEnvironment(process.env) });
    try {
      say(
        'server',
        `${server.url}, ready after ${describeDuration(performance.now() - startedAtMs)}, embedded PostgreSQL in ${dataDir}`,
      );
      const apiKey = await readKeptSecret(dataDir, 'api-key');
      if (apiKey === null)
        throw new Error(`found no API key in "${dataDir}", expected the one that the server made at its start`);
      const job = await runJob(new ApiClient({ url: server.url, apiKey }), signal);
      return job.status === 'complete' ? 0 : 1;
    } finally {
      const exitCode = await server.stop();
      say('server', `stopped with exit code ${exitCode ?? 'none'}; its data folder is removed`);
      if (exitCode !== 0) process.exitCode = 1;
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function runJob(client: ApiClient, signal: AbortSignal): Promise<WireJob> {
  const sessionId = newSessionId();
  const sources = Buffer.from(await collectSources(root));
  const sent = await sendFiles(client, { files: [{ name: 'sources.txt', content: sources }], sessionId, signal });
  say(
    'input',
    `the sources of this clone, ${describeBytes(sources.length)}, put into the workspace by ${sent.jobs} small jobs of the session`,
  );
  const question = await readFile(path.join(root, 'demo', 'draw-sources.md'), 'utf8');
  const view = output.isRich ? new LiveView(output) : createPlainView(output);
  try {
    const jobId = await client.submitJob(
      { question, agent_type: 'shell', session_id: sessionId, metadata: { demo: true } },
      signal,
    );
    view.submitted({ jobId, url: client.url });
    for await (const event of followJob(client, { jobId, signal })) view.event(event);
    const job = await client.getJob(jobId, signal);
    const savedIn = await downloadArtifacts(client, job, { folder: await artifactFolder(), signal });
    view.ended(job, savedIn);
    describeJob(job, savedIn);
    return job;
  } finally {
    view.close();
  }
}

function describeJob(job: WireJob, savedIn: string | null): void {
  output.write('\n');
  say('job_id', job.job_id);
  say('status', job.status);
  say('session_id', job.session_id);
  say('attempts', String(job.attempts ?? 0));
  say('duration', typeof job.duration_ms === 'number' ? `${job.duration_ms} ms` : 'unknown');
  say('cost', typeof job.total_cost_usd === 'number' ? `${job.total_cost_usd} USD` : 'unknown');
  say('sandbox', describeSandbox(job.sandbox_id ?? 'none'));
  for (const file of job.artifacts?.files ?? []) {
    say('artifact', `${path.join(savedIn ?? '', file.path)}, ${describeBytes(file.size_bytes)}`);
  }
}

function describeSandbox(sandboxId: string): string {
  const [name = sandboxId] = sandboxId.split(':');
  return name === 'just-bash'
    ? 'just-bash, an emulated shell; "bin/kazi doctor" says what is missing for bubblewrap'
    : name;
}

/** In the clone, as `kazi run` does; beside the temporary files when the clone cannot be written. */
async function artifactFolder(): Promise<string> {
  const isWritable = await access(root, constants.W_OK).then(
    () => true,
    () => false,
  );
  return path.join(isWritable ? root : tmpdir(), 'kazi-artifacts');
}

const interrupts = new InterruptWatch();
try {
  const exitCode = await main(interrupts.signal);
  process.exit(process.exitCode ?? exitCode);
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(interrupts.signal.aborted ? 130 : 1);
}
