import type { Readable, Writable } from 'node:stream';
import { OutputCollector } from './output-collector.ts';
import type { CommandResult, SandboxCommand, SandboxProcess } from './sandbox-command.ts';
import type { SandboxLimitName, SandboxLimits } from './sandbox-limits.ts';
import { watchLimits } from './watch-limits.ts';
import type { WorkspaceMeter } from './workspace-meter.ts';

/** A process that a driver started, before anyone watches it. */
export interface StartedCommand {
  readonly leaderPid: number;
  /** Null when it was started without. */
  readonly stdin: Writable | null;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves when the leader and all that it started are gone; never rejects. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** Makes `exited` resolve soon. Safe twice. */
  readonly kill: () => void;
}

/** Exit codes by which a shell or bubblewrap reports the kernel's own limits: 128 + SIGXCPU, 128 + SIGXFSZ. */
const LIMIT_OF_EXIT_CODE: Readonly<Record<number, SandboxLimitName>> = { 152: 'cpu', 153: 'file' };
const LIMIT_OF_SIGNAL: Readonly<Partial<Record<NodeJS.Signals, SandboxLimitName>>> = {
  SIGXCPU: 'cpu',
  SIGXFSZ: 'file',
};
const MAX_TIMER_MS = 2_147_483_647;

const KILL_AGAIN_MS = 100;

type End = 'abort' | 'kill' | SandboxLimitName;

/** Holds a started command to its limits, its wall time and its signal, and gathers its output. */
export const superviseCommand = (options: {
  readonly started: StartedCommand;
  readonly command: SandboxCommand;
  readonly limits: SandboxLimits;
  readonly meter: WorkspaceMeter;
}): SandboxProcess => {
  const { started, command, limits, meter } = options;
  const startedAt = performance.now();
  let end: End | null = null;
  let killTimer: NodeJS.Timeout | undefined;
  let isGone = false;
  const endBy = (reason: End): void => {
    if (isGone) return;
    end ??= reason;
    started.kill();
    // While a sandbox starts, helpers come and go in it, and one kill may hit just them.
    killTimer ??= setInterval(() => started.kill(), KILL_AGAIN_MS);
  };
  const output = new OutputCollector({
    maxBytes: limits.outputBytes,
    onOutput: command.onOutput,
    onExcess: () => endBy('output'),
  });
  const wallMs = findWallMs(command, limits);
  const wallTimer = wallMs === null ? undefined : setTimeout(() => endBy('wall'), wallMs);
  const stopWatching = watchLimits({ leaderPid: started.leaderPid, limits, meter, onLimit: endBy });
  const onAbort = (): void => endBy('abort');
  command.signal?.addEventListener('abort', onAbort, { once: true });
  if (command.signal?.aborted === true) onAbort();

  const finish = async (): Promise<CommandResult> => {
    const streams = Promise.all([output.collect('stdout', started.stdout), output.collect('stderr', started.stderr)]);
    const { code, signal } = await started.exited;
    isGone = true;
    clearTimeout(wallTimer);
    clearInterval(killTimer);
    started.stdin?.destroy();
    stopWatching();
    command.signal?.removeEventListener('abort', onAbort);
    await streams;
    const durationMs = performance.now() - startedAt;
    const isOverDisk = await meter.isOverAfter(durationMs);
    const kernelLimit = (signal === null ? LIMIT_OF_EXIT_CODE[code ?? 0] : LIMIT_OF_SIGNAL[signal]) ?? null;
    return {
      exitCode: end === null ? code : null,
      signal: end === null ? signal : 'SIGKILL',
      timedOut: end === 'wall',
      aborted: end === 'abort',
      limit: end === null ? (isOverDisk ? 'workspace' : kernelLimit) : limitOf(end),
      stdout: output.stdout,
      stderr: output.stderr,
      durationMs,
    };
  };
  const write = async (text: string): Promise<void> => {
    output.allowAnew();
    await writeText(started.stdin, text);
  };
  return { result: finish(), write, kill: () => endBy('kill') };
};

/** Null for a command that stays as long as it is wanted. */
const findWallMs = (command: SandboxCommand, limits: SandboxLimits): number | null => {
  if (command.stdin === 'pipe' && command.timeoutMs === undefined) return null;
  const longest = command.stdin === 'pipe' ? MAX_TIMER_MS : Math.min(limits.wallMs, MAX_TIMER_MS);
  return Math.min(command.timeoutMs ?? longest, longest);
};

const writeText = (stdin: Writable | null, text: string): Promise<void> =>
  new Promise((resolve, reject) => {
    if (stdin === null) reject(new Error('Standard input is not open: start the command with stdin "pipe".'));
    else stdin.write(text, (error) => (error === null || error === undefined ? resolve() : reject(error)));
  });

const limitOf = (end: End): SandboxLimitName | null => (end === 'abort' || end === 'kill' ? null : end);
