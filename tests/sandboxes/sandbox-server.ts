import { parseArgs } from 'node:util';
import type { SandboxProviderName } from '../../src/sandboxes/choose-provider.ts';
import { makeProvider } from './support.ts';

/** A server to kill: opens a sandbox on a workspace, runs what its parent sends by IPC, and answers with output or error. */
const { values } = parseArgs({
  options: { provider: { type: 'string' }, workspace: { type: 'string' }, identity: { type: 'string' } },
});
const provider = makeProvider(values.provider as SandboxProviderName);
const sandbox = await provider.create({
  sandboxId: 'server',
  workspaceDir: values.workspace ?? '',
  identity: Number(values.identity),
});

process.on('message', (message) => {
  const { script } = message as { readonly script: string };
  const answer = async (): Promise<unknown> => {
    const running = await sandbox.spawn({ script });
    process.send?.('started');
    return { result: await running.result };
  };
  void answer()
    .catch((error: unknown) => ({ error: String(error) }))
    .then((text) => process.send?.(text));
});
process.send?.('ready');
