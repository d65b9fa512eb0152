import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { KaziError } from '../core/errors.ts';
import { isRunning, readStartTime } from './process-life.ts';
import { readProcessTree } from './process-tree.ts';

const POLL_MS = 5;
const EMPTY_DELAY_MS = 20;
const DEADLINE_MS = 10_000;
/** A process that turns into another program has no command line for a moment, however long the machine makes that. */
const EMPTY_LOOKS = 5;

/**
 * Kills every process of this machine that carries `mark` as an argument, with all below it, and resolves when none of them can
 * run code any more. Leaders carry the mark of their workspace on their command line, which sandboxed code cannot change;
 * so no pid is trusted that might have been given to another process meanwhile.
 */
export const killLeftovers = async (mark: string): Promise<number> => {
  const startTimes = new Map<number, string>();
  const deadline = performance.now() + DEADLINE_MS;
  let emptyLooks = 0;
  for (;;) {
    const leaders = findMarked(mark);
    for (const pid of leaders.flatMap(readProcessTree)) startTimes.set(pid, readStartTime(pid) ?? '');
    leaders.forEach(killQuietly);
    const alive = [...startTimes].filter(([pid, startTime]) => isRunning(pid) && readStartTime(pid) === startTime);
    emptyLooks = leaders.length === 0 && alive.length === 0 ? emptyLooks + 1 : 0;
    if (emptyLooks >= EMPTY_LOOKS) return startTimes.size;
    if (performance.now() > deadline) {
      throw new KaziError('SANDBOX_UNAVAILABLE', {
        reason: `processes of an earlier sandbox of this workspace do not end (found pid ${alive.map(([pid]) => pid).join(', ')}, expected none). End them.`,
      });
    }
    // They are not our children, so no signal tells their end.
    await delay(emptyLooks > 0 ? EMPTY_DELAY_MS : POLL_MS);
  }
};

/** Live processes whose command line holds exactly this argument; a zombie has none. */
const findMarked = (mark: string): readonly number[] =>
  listProcesses()
    .filter((name) => /^\d+$/.test(name) && readCommandLine(name).includes(mark))
    .map(Number)
    .filter((pid) => pid !== process.pid);

/** Empty where there is no /proc: only the emulated shell runs there, which ends by itself when its server is gone. */
const listProcesses = (): readonly string[] => (existsSync('/proc/self') ? readdirSync('/proc') : []);

const readCommandLine = (pid: string): readonly string[] => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    // Ended while we looked.
    return [];
  }
};

const killQuietly = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Ended meanwhile, or another user's: the loop looks again.
  }
};
