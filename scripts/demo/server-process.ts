import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A `bin/kazi serve` of our own. */
export interface ServerProcess {
  readonly url: string;
  /** Asks it to stop and resolves to its exit code. Safe twice. */
  stop(): Promise<number | null>;
}

const KEPT_LOG_LINES = 20;

/**
 * Starts a server with the embedded PostgreSQL on a data folder and resolves when it is ready. Throws with the last lines
 * of its log when it ends instead.
 */
export const startServerProcess = async (options: {
  readonly root: string;
  readonly dataDir: string;
  readonly env: NodeJS.ProcessEnv;
}): Promise<ServerProcess> => {
  const { root, dataDir, env } = options;
  const child = spawn(join(root, 'bin', 'kazi'), ['serve', '--port', '0', '--data-dir', dataDir], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C is for the caller, which stops the server in its own time.
    detached: true,
  });
  const log: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    log.push(line);
    if (log.length > KEPT_LOG_LINES) log.shift();
  });
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code));
  });
  const ready = once(createInterface({ input: child.stdout }), 'line').then(([line]) => String(line));
  const first = await Promise.race([ready, exited]);
  const url = typeof first === 'string' ? /^kazi ready (http:\/\/\S+)$/.exec(first)?.[1] : undefined;
  if (url === undefined)
    throw new Error(`found no "kazi ready" from bin/kazi serve; its last words:\n${log.join('\n')}`);
  return {
    url,
    stop: async () => {
      child.kill('SIGTERM');
      return await exited;
    },
  };
};

/** The environment without what would lead the demo to another server, database or folder. */
export const demoEnvironment = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(env).filter(
      ([name]) => name === 'KAZI_SANDBOX' || !(name.startsWith('KAZI_') || name === 'DATABASE_URL'),
    ),
  );
