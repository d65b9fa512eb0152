import { readProcessTree } from './process-tree.ts';
import { readUsage } from './process-usage.ts';
import type { SandboxLimitName, SandboxLimits } from './sandbox-limits.ts';
import type { WorkspaceMeter } from './workspace-meter.ts';

/** How far a command can overshoot: at most what it can take in this time. */
const INTERVAL_MS = 250;
/** A look that takes long (a big workspace) is made rarer, so that watching never costs more than a tenth of a processor. */
const MIN_REST_FACTOR = 9;

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
  let isEnded = false;
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    const startedAt = performance.now();
    const limit = findPassedLimit(leaderPid, limits) ?? ((await meter.isOver()) ? 'workspace' : null);
    if (isEnded) return;
    if (limit !== null) onLimit(limit);
    const tookMs = performance.now() - startedAt;
    timer = setTimeout(() => void look(), Math.max(INTERVAL_MS, tookMs * MIN_REST_FACTOR));
  };
  timer = setTimeout(() => void look(), INTERVAL_MS);
  return () => {
    isEnded = true;
    clearTimeout(timer);
  };
};

const findPassedLimit = (leaderPid: number, limits: SandboxLimits): SandboxLimitName | null => {
  const usage = readUsage(readProcessTree(leaderPid), limits.memoryBytes);
  if (usage.memoryBytes > limits.memoryBytes) return 'memory';
  return usage.cpuSeconds > limits.cpuSeconds ? 'cpu' : null;
};
