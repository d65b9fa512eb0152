import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { atEnd } from './scratch.ts';

/** What serve-postgres.ts printed: a running database, or why there is none. */
export interface ServingProcess {
  readonly child: ChildProcess;
  readonly url: string;
  readonly pid: number;
  readonly code: string | undefined;
  readonly message: string | undefined;
  /** Lets it stop its database and waits for its end. */
  stop(): Promise<void>;
}

/** A copy of the repository and of node, and the user to run it. */
export interface Elsewhere {
  readonly repository: string;
  readonly node: string;
  readonly uid: number;
}

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** Runs serve-postgres.ts in a process of its own and waits for its line. The process is ended with the test. */
export const startServingProcess = async (
  t: TestContext,
  options: {
    readonly dataDir: string;
    readonly binariesDir?: string;
    readonly elsewhere?: Elsewhere;
  },
): Promise<ServingProcess> => {
  const { elsewhere } = options;
  const program = join(elsewhere?.repository ?? repository, 'tests/postgres/serve-postgres.ts');
  const args = [program, options.dataDir, ...(options.binariesDir === undefined ? [] : [options.binariesDir])];
  const child = spawn(elsewhere?.node ?? process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
    cwd: '/',
    stdio: ['pipe', 'pipe', 'inherit'],
    ...(elsewhere === undefined ? {} : { uid: elsewhere.uid, gid: elsewhere.uid }),
  });
  const exited = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.stdin.end();
    await exited;
  };
  atEnd(t, stop);
  const lines = createInterface({ input: child.stdout });
  const [line] = await Promise.race([once(lines, 'line'), exited.then(() => ['{"code":"EXITED"}'])]);
  const said = JSON.parse(String(line)) as Partial<Pick<ServingProcess, 'url' | 'pid' | 'code' | 'message'>>;
  return { child, url: said.url ?? '', pid: said.pid ?? 0, code: said.code, message: said.message, stop };
};
