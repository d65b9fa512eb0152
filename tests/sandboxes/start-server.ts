import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { SandboxProviderName } from '../../src/sandboxes/choose-provider.ts';
import { waitUntil } from './support.ts';

/** Starts sandbox-server.ts in a process of its own, with a command running; it is killed with the test. */
export const startServer = async (
  context: TestContext,
  options: { readonly provider: SandboxProviderName; readonly workspaceDir: string; readonly script: string },
): Promise<{ readonly server: ChildProcess; readonly messages: readonly unknown[] }> => {
  const path = join(import.meta.dirname, 'sandbox-server.ts');
  const argv = [path, '--provider', options.provider, '--workspace', options.workspaceDir, '--identity', '77'];
  const server = spawn(process.execPath, argv, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  context.after(() => server.kill('SIGKILL'));
  const messages: unknown[] = [];
  server.on('message', (message) => messages.push(message));
  await waitUntil(() => messages.includes('ready'), 'the server is ready');
  server.send({ script: options.script });
  await waitUntil(() => messages.includes('started'), 'the command has started');
  return { server, messages };
};
