import assert from 'node:assert/strict';
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../bin/kazi', import.meta.url));
const HOST = fileURLToPath(new URL('command-host.ts', import.meta.url));
/** Commands that stay, start servers or end their process. */
const NEEDS_A_PROCESS = new Set(['serve', 'run', 'fake-model', 'doctor']);

type Environment = Readonly<Record<string, string>>;

/** How a call of `bin/kazi` ended. */
export interface CallResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A call of kazi with the whole of its environment. */
export interface CommandLine {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Environment;
}

/** A `bin/kazi` that is running. */
export interface KaziProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<CallResult>;
  /** Resolves to the output so far once the pattern is in it; rejects when the process ends before. */
  waitFor(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<string>;
}

/** An empty folder, removed with its contents when the test file or the test is over. */
export const makeFolder = async (scope: { after(step: () => Promise<void>): void }): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'kazi-cli-'));
  scope.after(async () => await rm(folder, { recursive: true, force: true }));
  return folder;
};

/** Starts `bin/kazi` in a folder, with nothing of the caller's own kazi settings. */
export const startKazi = (
  argv: readonly string[],
  options: { readonly cwd: string; readonly env?: Environment },
): KaziProcess => {
  const { cwd, env = {} } = options;
  const child = spawn(BIN, argv, { cwd, env: { ...cleanEnvironment(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  // A test that failed half-way leaves nothing running.
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  const output = { stdout: '', stderr: '' };
  const watchers = new Set<() => void>();
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      output[stream] += text;
      for (const look of watchers) look();
    });
  }
  const ended = new Promise<CallResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...output }));
  });
  const waitFor = (stream: 'stdout' | 'stderr', pattern: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (!pattern.test(output[stream])) return;
        watchers.delete(look);
        resolve(output[stream]);
      };
      watchers.add(look);
      look();
      void ended.then(() =>
        reject(new Error(`ended before ${stream} held ${String(pattern)}:\n${output.stdout}${output.stderr}`)),
      );
    });
  return { child, ended, waitFor };
};

/**
 * Runs a command line of kazi to its end: `bin/kazi` where it needs a process, and otherwise in a host that has loaded it
 * already, because the start of Node takes longer than most commands.
 */
export const callKazi = async (
  argv: readonly string[],
  options: { readonly cwd: string; readonly env?: Environment },
): Promise<CallResult> => {
  const { cwd, env = {} } = options;
  if (NEEDS_A_PROCESS.has(argv[0] ?? '')) return await startKazi(argv, options).ended;
  const host = idleHosts.pop() ?? startHost();
  host.ref();
  host.channel?.ref();
  host.send({ argv, cwd, env: { ...cleanEnvironment(), ...env } });
  const answered = new AbortController();
  const { signal } = answered;
  const [result] = (await Promise.race([
    once(host, 'message', { signal }),
    once(host, 'exit', { signal }).then(([code]) => {
      throw new Error(`kazi ${argv.join(' ')} ended its host with ${code}`);
    }),
  ])) as [CallResult];
  answered.abort();
  host.unref();
  host.channel?.unref();
  idleHosts.push(host);
  return result;
};

/** Calls that overlap have a host each. */
const idleHosts: ChildProcess[] = [];

const startHost = (): ChildProcess => {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const host = fork(HOST, { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  process.once('exit', () => host.kill('SIGKILL'));
  return host;
};

/** A server that is ready, with the environment that makes client commands find it. */
export interface ServingKazi {
  readonly process: KaziProcess;
  readonly url: string;
  readonly env: Environment;
  /** SIGTERM; resolves to how it ended. Safe twice. */
  stop(): Promise<CallResult>;
}

/** Starts `kazi serve` on any free port and waits until it is ready. */
export const startServing = async (options: {
  readonly cwd: string;
  readonly env: Environment;
  readonly argv?: readonly string[];
}): Promise<ServingKazi> => {
  const { cwd, env, argv = ['--port', '0'] } = options;
  const process = startKazi(['serve', ...argv], { cwd, env });
  const line = await process.waitFor('stdout', /\n/);
  const url = /^kazi ready (http:\/\/\S+)\n$/.exec(line)?.[1];
  assert.ok(url, `found the line "${line}"`);
  return {
    process,
    url,
    env: { KAZI_URL: url, KAZI_DATA_DIR: env['KAZI_DATA_DIR'] ?? join(cwd, '.kazi') },
    stop: async () => {
      process.child.kill('SIGTERM');
      return await process.ended;
    },
  };
};

const cleanEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !name.startsWith('KAZI_') && !['DATABASE_URL', 'NODE_TEST_CONTEXT', 'FORCE_COLOR'].includes(name),
    ),
  );
