import { constants } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { describeBytes } from '../describe.ts';
import { type Finding, ok, warn } from './check.ts';

/** The Node that the project pins; older ones down to 22.19 work, and are not what is tested. */
const PINNED_MAJOR = 24;
/** PostgreSQL, the server and one sandboxed command fit into this. */
const ENOUGH_MEMORY_BYTES = 1_000_000_000;

export const checkNode = (): Finding => {
  const major = Number(process.versions.node.split('.')[0]);
  const found = `Node ${process.versions.node} on ${process.platform} ${process.arch}`;
  if (major === PINNED_MAJOR) return ok('node', found);
  return warn(
    'node',
    found,
    `kazi is tested with Node ${PINNED_MAJOR}; "npm ci" installs it where it is packaged for this machine`,
  );
};

export const checkMachine = (): Finding => {
  const limit = process.constrainedMemory();
  const memory = limit > 0 && limit < totalmem() ? limit : totalmem();
  const found = `${availableParallelism()} processors, ${describeBytes(memory)} memory`;
  if (memory >= ENOUGH_MEMORY_BYTES) return ok('machine', found);
  return warn(
    'machine',
    found,
    `expected ${describeBytes(ENOUGH_MEMORY_BYTES)} for the embedded database and sandboxes together`,
  );
};

/** Only told: limits of sandboxes are held by watching their processes, with or without control groups. */
export const checkControlGroups = async (): Promise<Finding> => {
  try {
    const own = (await readFile('/proc/self/cgroup', 'utf8')).split('\n').find((line) => line.startsWith('0::'));
    if (own === undefined) return ok('cgroups', 'version 1; not used, sandbox limits are watched by kazi');
    const path = `/sys/fs/cgroup${own.slice(3)}`.replace(/\/$/, '');
    const isDelegated = await access(`${path}/cgroup.subtree_control`, constants.W_OK).then(
      () => true,
      () => false,
    );
    return ok(
      'cgroups',
      `version 2, ${isDelegated ? 'delegated' : 'not delegated'}; not used, sandbox limits are watched by kazi`,
    );
  } catch {
    // No /proc/self/cgroup: not Linux.
    return ok('cgroups', 'none on this machine; sandbox limits are watched by kazi');
  }
};
