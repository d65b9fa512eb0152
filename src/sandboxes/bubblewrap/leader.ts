import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { WorkspaceOwner } from '../open-beneath.ts';
import { readChildren } from '../proc-files.ts';
import type { StartedCommand } from '../supervise-command.ts';
import type { InputPipe, OutputPipe } from './command-pipes.ts';

const FIRST_AFTER_STDIO = 3;

export interface LeaderOptions {
  readonly program: string;
  readonly argv: readonly string[];
  readonly owner: WorkspaceOwner | null;
  /** Null for an empty standard input. */
  readonly stdin: InputPipe | null;
  readonly stdout: OutputPipe;
  readonly stderr: OutputPipe;
  /** Become descriptors 3, 4, … of the child. They and the child's ends of the pipes are closed here, whatever happens. */
  readonly descriptors: readonly number[];
  /** Descriptors of the server that a child would inherit; it gets /dev/null in their places. */
  readonly inherited: readonly number[];
}

/** Starts bubblewrap: the process whose end is the end of all in its sandbox. Rejects when it cannot be executed. */
export const startLeader = async (options: LeaderOptions): Promise<StartedCommand> => {
  const { stdin, stdout, stderr, descriptors, owner } = options;
  const nothing = openSync('/dev/null', 'r');
  const firstCover = FIRST_AFTER_STDIO + descriptors.length;
  const coverCount = Math.max(firstCover, ...options.inherited.map((descriptor) => descriptor + 1)) - firstCover;
  try {
    const child = spawn(options.program, options.argv, {
      ...(owner === null ? {} : { uid: owner.uid, gid: owner.gid }),
      cwd: '/',
      env: {},
      // A group of its own: Ctrl-C in the server's terminal is the server's to handle, and kill(-pid) below has a target.
      detached: true,
      stdio: [
        stdin?.readDescriptor ?? 'ignore',
        stdout.writeDescriptor,
        stderr.writeDescriptor,
        ...descriptors,
        // From 3 on, 'ignore' opens nothing and closes nothing.
        ...Array.from({ length: coverCount }, (_, index) =>
          options.inherited.includes(firstCover + index) ? nothing : ('ignore' as const),
        ),
      ],
    });
    const exited = once(child);
    await hasSpawned(child);
    const leaderPid = child.pid ?? 0;
    return {
      leaderPid,
      stdin: stdin?.writer ?? null,
      stdout: stdout.reader,
      stderr: stderr.reader,
      exited,
      kill: () => killSandbox(leaderPid, child),
    };
  } catch (error) {
    stdin?.writer.destroy();
    stdout.reader.destroy();
    stderr.reader.destroy();
    throw error;
  } finally {
    const input = stdin === null ? [] : [stdin.readDescriptor];
    for (const descriptor of [...input, stdout.writeDescriptor, stderr.writeDescriptor, nothing, ...descriptors])
      closeSync(descriptor);
  }
};

const once = (child: ChildProcess): StartedCommand['exited'] =>
  new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', () => resolve({ code: null, signal: null }));
  });

const hasSpawned = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });

/**
 * Kills the init of the namespace: the kernel then kills all in it, and only when they are gone does bubblewrap see its child
 * end and leave, so that the leader's exit proves that nothing is left. Before there is an init, the group is all there is.
 */
const killSandbox = (leaderPid: number, child: ChildProcess): void => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const inits = readChildren(leaderPid) ?? [];
  try {
    if (inits.length === 0) process.kill(-leaderPid, 'SIGKILL');
    for (const init of inits) process.kill(init, 'SIGKILL');
  } catch {
    // Ended meanwhile.
  }
};
