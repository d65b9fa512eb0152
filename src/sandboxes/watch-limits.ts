import { readProcessTree } from './process-tree.ts';
import { readUsage } from './process-usage.ts';
import type { SandboxLimitName, SandboxLimits } from './sandbox-limits.ts';
import type { WorkspaceMeter } from './workspace-meter.ts';

/** How far a command can overshoot: at most what it can take in this time. */
const INTERVAL_MS = 250;
/** A look at the disk that takes long (a big workspace) is made rarer, so that watching costs about a tenth of a processor. */
const MIN_REST_FACTOR = 9;
/** A busy machine makes every look long: that must not become a licence to fill the disk. */
const LONGEST_REST_MS = 5_000;

/**
 * Looks at a running command from outside and reports the first limit that it passes: the kernel's limits are per process,
 * these are for all of them together, and for the disk, where the kernel has none without quotas.
 * Answers a function that ends the watch.
 */
export const watchLimits = (options: {
  readonly leaderPid: number;
  readonly limits: SandboxLimits;
  readonly meter: WorkspaceMeter;
  readonly onLimit: (limit: SandboxLimitName) => void;
}): (() => void) => {
  const { leaderPid, limits, meter, onLimit } = options;
  const usageTimer = setInterval(() => {
    const limit = findPassedLimit(leaderPid, limits);
    if (limit !== null) onLimit(limit);
  }, INTERVAL_MS);
  let isEnded = false;
  let diskTimer: NodeJS.Timeout | undefined;
  const lookAtDisk = async (): Promise<void> => {
    const startedAt = performance.now();
    const isOver = await meter.isOver();
    if (isEnded) return;
    if (isOver) onLimit('workspace');
    const restMs = (performance.now() - startedAt) * MIN_REST_FACTOR;
    diskTimer = setTimeout(() => void lookAtDisk(), Math.min(Math.max(INTERVAL_MS, restMs), LONGEST_REST_MS));
  };
  diskTimer = setTimeout(() => void lookAtDisk(), INTERVAL_MS);
  return () => {
    isEnded = true;
    clearInterval(usageTimer);
    clearTimeout(diskTimer);
  };
};

const findPassedLimit = (leaderPid: number, limits: SandboxLimits): SandboxLimitName | null => {
  const usage = readUsage(readProcessTree(leaderPid), limits.memoryBytes);
  if (usage.memoryBytes > limits.memoryBytes) return 'memory';
  return usage.cpuSeconds > limits.cpuSeconds ? 'cpu' : null;
};
