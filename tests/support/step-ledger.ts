import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { workspaceOf } from '../../src/workspaces/workspace.ts';
import type { JobClient } from './job-client.ts';

/** One run of one step, as the step itself wrote it down in its workspace. */
export interface LedgerLine {
  readonly label: string;
  readonly ordinal: number;
  /** New at each run: tells which run a finished step's output is of. */
  readonly token: string;
}

const LEDGER_FILE = 'ledger.txt';
/** Every step writes its token here as long as it lives, from a process that it leaves in the background. */
const PULSE_FILE = 'pulse.txt';

/** A shell job of so many steps. Each notes its run in the ledger before it works, and prints the token when it has worked. */
export const ledgerScript = (options: {
  readonly label: string;
  readonly steps: number;
  readonly stepSeconds: number;
}): string =>
  Array.from({ length: options.steps }, (_, index) =>
    [
      '```sh',
      'token=$(cat /proc/sys/kernel/random/uuid)',
      `echo "${options.label} ${index + 1} $token" >> ${LEDGER_FILE}`,
      `(while echo "$token" >> ${PULSE_FILE}; do sleep 0.1; done) > /dev/null 2>&1 &`,
      `sleep ${options.stepSeconds}`,
      'echo "$token"',
      '```',
    ].join('\n'),
  ).join('\n');

/** The ledger of a session's workspace, in the order of its lines; empty when no step ever ran there. */
export const readLedger = async (dataDir: string, sessionNum: number): Promise<readonly LedgerLine[]> => {
  const text = await readFile(join(workspaceOf(dataDir, sessionNum), LEDGER_FILE), 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [label = '', ordinal = '', token = ''] = line.split(' ');
      return { label, ordinal: Number(ordinal), token };
    });
};

/** Submits so many jobs at once; resolves with their ids by label when all are accepted. Two of them share a session now and then. */
export const submitLedgerJobs = async (
  client: JobClient,
  options: { readonly jobs: number; readonly steps: number; readonly stepSeconds: number; readonly sessions?: number },
): Promise<ReadonlyMap<string, string>> => {
  const { jobs, steps, stepSeconds, sessions = jobs } = options;
  const labels = Array.from({ length: jobs }, (_, index) => `job-${index}`);
  const entries = labels.map(async (label, index) => {
    const question = ledgerScript({ label, steps, stepSeconds });
    const sessionId = `session-${index % sessions}`;
    return [label, await client.submit({ label, agent: 'shell', question, sessionId })] as const;
  });
  return new Map(await Promise.all(entries));
};

/** Signs of a process that went on writing into its workspace after a later run had begun there. Sessions are numbered from 1. */
export const findDisorderedPulses = async (dataDir: string, sessions: number): Promise<readonly string[]> => {
  const disorders: string[] = [];
  for (let num = 1; num <= sessions; num += 1) {
    const text = await readFile(join(workspaceOf(dataDir, num), PULSE_FILE), 'utf8').catch(() => '');
    const tokens = text.split('\n').filter((token, place, all) => token !== '' && token !== all[place - 1]);
    if (new Set(tokens).size !== tokens.length)
      disorders.push(`two runs wrote in turns into the workspace of session ${num}`);
    if (tokens.length === 0) disorders.push(`no run wrote into the workspace of session ${num}`);
  }
  return disorders;
};
