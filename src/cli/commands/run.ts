import type { Config } from '../../config.ts';
import { isTerminal } from '../../core/job.ts';
import { newSessionId } from '../../core/session-id.ts';
import type { ApiClient } from '../client.ts';
import { type ClientOptions, readClientConfig } from '../connection.ts';
import { downloadArtifacts } from '../download-artifacts.ts';
import { CommandFailure, EXIT_CODES } from '../exit-code.ts';
import { followJob } from '../follow-job.ts';
import { InterruptWatch } from '../interrupt-watch.ts';
import { LiveView } from '../live-view.ts';
import { createPlainView } from '../plain-view.ts';
import { type ProgressView, silentView } from '../progress-view.ts';
import { readFiles, readInput } from '../read-input.ts';
import { hasLastingServer, openRunServer } from '../run-server.ts';
import { sendFiles } from '../send-files.ts';
import { writeJson } from '../table.ts';
import { outputOf } from '../terminal.ts';
import type { WireJob } from '../wire.ts';

export interface RunOptions extends ClientOptions {
  readonly agent?: string;
  readonly session?: string;
  readonly budget?: string;
  readonly file?: readonly string[];
  readonly script?: string;
  readonly json?: boolean;
  readonly detach?: boolean;
}

/** Where artifacts go, in the folder that the command is called in (operations contract). */
const ARTIFACT_FOLDER = 'kazi-artifacts';

/** Submits a job, shows its progress, saves its artifacts. Resolves to the exit code of the operations contract. */
export const run = async (input: string | undefined, options: RunOptions): Promise<number> => {
  const config = readClientConfig(options);
  const question = await readInput(input, options.script);
  const files = await readFiles(options.file ?? []);
  if (options.detach === true) await expectLastingServer(config);
  const output = outputOf(process.stdout);
  const view = options.json === true ? silentView : output.isRich ? new LiveView(output) : createPlainView(output);
  const interrupts = new InterruptWatch();
  const { signal } = interrupts;
  try {
    const onWait = (): void => view.note('waiting for another kazi on this data folder to end');
    const server = await openRunServer({ config, signal, onWait });
    try {
      const { client } = server;
      const sessionId = options.session ?? (files.length > 0 ? newSessionId() : undefined);
      if (sessionId !== undefined && files.length > 0) await sendFiles(client, { files, sessionId, signal });
      const { agent, budget } = options;
      const jobId = await client.submitJob({ question, agent_type: agent, session_id: sessionId, budget }, signal);
      if (options.detach === true) {
        if (options.json === true) writeJson(output, { job_id: jobId });
        else output.write(`${jobId}\n`);
        return EXIT_CODES.ok;
      }
      const job = await followToEnd(client, { jobId, view, interrupts });
      const savedIn = await downloadArtifacts(client, job, { folder: ARTIFACT_FOLDER, signal });
      view.ended(job, savedIn);
      if (options.json === true) writeJson(output, job);
      return exitCodeOfJob(job);
    } finally {
      view.close();
      await server.stop();
    }
  } catch (error) {
    if (signal.aborted)
      throw new CommandFailure('canceled', 'stopped by Ctrl-C; a job that had begun may go on', { cause: error });
    throw error;
  } finally {
    interrupts.stop();
    view.close();
  }
};

const expectLastingServer = async (config: Config): Promise<void> => {
  if (await hasLastingServer(config)) return;
  const message = `found no server for --detach (KAZI_URL is unset and none runs on "${config.dataDir}"), expected one that goes on after this command; start "kazi serve"`;
  throw new CommandFailure('unreachable', message);
};

const followToEnd = async (
  client: ApiClient,
  {
    jobId,
    view,
    interrupts,
  }: { readonly jobId: string; readonly view: ProgressView; readonly interrupts: InterruptWatch },
): Promise<WireJob> => {
  const { signal } = interrupts;
  view.submitted({ jobId, url: client.url });
  interrupts.onFirst(() => {
    view.note('canceling; Ctrl-C again to leave without waiting');
    client.cancelJob(jobId, signal).catch(() => view.note('the cancel did not reach the server'));
  });
  const onInterruption = (): void => view.note('connection lost, trying again');
  for await (const event of followJob(client, { jobId, signal, onInterruption })) view.event(event);
  return await client.getJob(jobId, signal);
};

const exitCodeOfJob = ({ status }: WireJob): number => {
  if (!isTerminal(status) || status === 'failed') return EXIT_CODES.failed;
  return status === 'canceled' ? EXIT_CODES.canceled : EXIT_CODES.ok;
};
