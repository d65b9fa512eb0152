/**
 * The entry of every npm script: `node scripts/bootstrap.mjs TASK [ARGUMENT]…`.
 *
 * Plain JavaScript without dependencies, because it runs before anything is installed and on any Node ≥ 20.
 * It installs the dependencies when they are missing or out of date, picks the Node that the project pins,
 * puts it first in PATH and runs the task with it. TASK is a name in bootstrap/tasks.mjs, or `install`
 * to stop after the first step.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureInstalled } from './bootstrap/install.mjs';
import { pickNode } from './bootstrap/pick-node.mjs';
import { TASKS } from './bootstrap/tasks.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** Progress goes to stderr: stdout belongs to the task. */
const say = (message) => process.stderr.write(`kazi: ${message}\n`);

/** Runs one command to its end with our terminal; resolves to its exit code, 128 + n after signal n. */
const runToEnd = (command, commandArguments, environment) =>
  new Promise((resolve, reject) => {
    const child = spawn(command, commandArguments, { cwd: root, env: environment, stdio: 'inherit' });
    // A terminal's Ctrl-C reaches the child by itself; a signal sent to this process alone has to be passed on.
    const forward = (signal) => child.kill(signal);
    process
      .on('SIGTERM', forward)
      .on('SIGHUP', forward)
      .on('SIGINT', () => undefined);
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });

async function main([taskName, ...taskArguments]) {
  const task = TASKS[taskName];
  if (task === undefined && taskName !== 'install') {
    const names = ['install', ...Object.keys(TASKS)].join(', ');
    throw new Error(`found task "${taskName ?? ''}", expected one of: ${names}`);
  }
  await ensureInstalled({ root, say });
  if (task === undefined) return 0;
  const node = pickNode({ root });
  const environment = {
    ...process.env,
    PATH: [path.dirname(node), path.join(root, 'node_modules', '.bin'), process.env.PATH].join(path.delimiter),
    // Every test file is its own process; without the cache each one strips and compiles the whole source again.
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? path.join(root, 'node_modules', '.cache', 'compile'),
  };
  return runToEnd(node, ['--disable-warning=ExperimentalWarning', ...task, ...taskArguments], environment);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  say(error.message);
  process.exitCode = 1;
}
