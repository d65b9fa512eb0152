import { readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pino, { type Logger } from 'pino';
import { BubblewrapProvider } from '../../src/sandboxes/bubblewrap/bubblewrap-provider.ts';
import type { SandboxProviderName } from '../../src/sandboxes/choose-provider.ts';
import { JustBashProvider } from '../../src/sandboxes/just-bash/just-bash-provider.ts';
import type { Sandbox, SandboxOptions, SandboxProvider } from '../../src/sandboxes/sandbox.ts';

export const silentLogger: Logger = pino({ level: 'silent' });

export const makeProvider = (name: SandboxProviderName): SandboxProvider =>
  name === 'bubblewrap'
    ? new BubblewrapProvider({ logger: silentLogger })
    : new JustBashProvider({ logger: silentLogger });

/** Why a provider cannot be tested here; false when it can, as `skip` of a test wants it. */
export const findSkipReason = async (name: SandboxProviderName): Promise<string | false> => {
  const provider = makeProvider(name);
  const availability = await provider.probe();
  await provider.stop();
  return availability.isAvailable ? false : `${availability.reason}. ${availability.remedy}`;
};

/** A folder that ends with the test; others may enter, as in a real data folder. */
export const makeFolder = async (context: TestContext): Promise<string> => {
  const folder = await mkdtemp(join(await realpath(tmpdir()), 'kazi-test-'));
  await chmod(folder, 0o711);
  context.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
};

let nextIdentity = process.pid * 1000;

/** A sandbox of its own workspace, destroyed with the test. */
export const openSandbox = async (
  context: TestContext,
  provider: SandboxProvider,
  options: Partial<SandboxOptions> = {},
): Promise<Sandbox> => {
  const workspaceDir = options.workspaceDir ?? join(await makeFolder(context), 'workspace');
  nextIdentity += 1;
  const sandbox = await provider.create({ sandboxId: 'test', identity: nextIdentity, ...options, workspaceDir });
  context.after(() => sandbox.destroy());
  return sandbox;
};

/** Live processes of this machine whose command line holds the text, apart from this one. */
export const findProcesses = (text: string): readonly number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => readCommandLine(name).includes(text))
    .map(Number);

/** Waits for what no signal announces: the end of a process that is not our child. */
export const waitUntil = async (isTrue: () => boolean | Promise<boolean>, what: string): Promise<void> => {
  const deadline = performance.now() + 20_000;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error(`waited 20 s in vain: ${what}`);
    await delay(10);
  }
};

let nextToken = 0;

/** Seconds for `sleep` that no other process sleeps: a way to find one's own processes from outside. */
export const uniqueSeconds = (): string => {
  nextToken += 1;
  return `4321.${process.pid}${nextToken}`;
};

const readCommandLine = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    // Ended while we looked.
    return '';
  }
};
