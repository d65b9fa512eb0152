/** Chooses the Node that runs the project. `bin/kazi` makes the same choice in shell: keep the two alike. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';

/** The oldest Node that runs TypeScript files without a flag and has every API we use. */
const OLDEST_NODE = [22, 19];

/** Whether a `process.version` such as "v24.21.0" is new enough to run the source. */
export function isNewEnough(version) {
  const [major, minor] = version.replace(/^v/, '').split('.').map(Number);
  return major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
}

/**
 * The absolute path of the Node to use: the pinned one of node_modules where it exists and starts on this
 * machine (it needs glibc), else the running one if it is new enough. Throws when neither will do.
 */
export function pickNode({ root, platform = process.platform, arch = process.arch, running = process }) {
  const pinned = path.join(root, 'node_modules', `node-${platform}-${arch}`, 'bin', 'node');
  if (spawnSync(pinned, ['--version'], { stdio: 'ignore' }).status === 0) return pinned;
  if (isNewEnough(running.version)) return running.execPath;
  throw new Error(
    `found Node "${running.version}" and no pinned Node for "${platform}-${arch}", ` +
      `expected Node ${OLDEST_NODE.join('.')} or newer; install one from https://nodejs.org and run this again`,
  );
}
