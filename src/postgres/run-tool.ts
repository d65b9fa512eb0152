import { spawn } from 'node:child_process';
import type { Account } from './account.ts';
import { spawnAs } from './run-as.ts';

export interface ToolResult {
  /** Null when the program could not be started or died by a signal. */
  readonly exitCode: number | null;
  /** Standard output and error together, for messages. */
  readonly output: string;
}

/** Runs a PostgreSQL program to its end, as the account, with nothing of our environment. Never throws. */
export const runTool = (
  program: string,
  args: readonly string[],
  options: { readonly account: Account | null; readonly cwd: string; readonly input?: string },
): Promise<ToolResult> =>
  new Promise((resolve) => {
    let output = '';
    const collect = (chunk: Buffer): void => {
      output += chunk.toString('utf8');
    };
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['pipe', 'pipe', 'pipe'],
      ...spawnAs(options.account),
    });
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    // A program that refuses to start closes its input unread; its exit code and output tell why.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    child.on('error', (error) => resolve({ exitCode: null, output: `${output}${error.message}` }));
    child.on('close', (exitCode) => resolve({ exitCode, output: output.trim() }));
  });
