/**
 * Lets one process at a time install into this clone. The lock is a file beside node_modules (not inside:
 * `npm ci` empties that) that names its holder and the npm it runs, and is touched while it is held. It counts as
 * left behind when both processes are gone, or when it was not touched for a minute (a holder in another container).
 */
import { appendFileSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const TOUCH_INTERVAL_MS = 5_000;
const STALE_AFTER_MS = 60_000;
const POLL_INTERVAL_MS = 200;

/**
 * Runs `work` while no other process holds the lock of `root`; waits for the holder as long as it lives. `work` is
 * given a function to name a process that it starts, which may outlive us if we are killed.
 */
export async function withInstallLock({ root, say }, work) {
  const lockPath = path.join(root, '.install-lock');
  let waitsFor;
  while (!tryCreate(lockPath)) {
    const holder = readHolder(lockPath);
    if (holder?.isGone) {
      removeStale(lockPath, holder);
      continue;
    }
    if (holder !== undefined && holder.pid !== waitsFor) {
      say(`process ${holder.pid} is installing here; waiting for it …`);
      waitsFor = holder.pid;
    }
    await delay(POLL_INTERVAL_MS);
  }
  const touching = setInterval(() => touch(lockPath), TOUCH_INTERVAL_MS);
  try {
    return await work((pid) => appendFileSync(lockPath, ` ${pid}`));
  } finally {
    clearInterval(touching);
    rmSync(lockPath, { force: true });
  }
}

function tryCreate(lockPath) {
  try {
    writeFileSync(lockPath, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw new Error(
      `could not create "${lockPath}" (${error.code}): dependencies must be installed by a user who may write here`,
    );
  }
}

/** The holder's first process id and whether it is gone, or undefined when the lock is free or its holder has not written its id yet. */
function readHolder(lockPath) {
  try {
    const pids = readFileSync(lockPath, 'utf8').split(' ').map(Number);
    const [pid] = pids;
    const untouchedMs = Date.now() - statSync(lockPath).mtimeMs;
    if (pid === 0 && untouchedMs < STALE_AFTER_MS) return undefined;
    return { pid, isGone: !pids.some(isAlive) || untouchedMs > STALE_AFTER_MS };
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/**
 * Two waiters may find the same lock stale, and the slower one must not remove the quicker one's new lock.
 * Renaming is atomic: whoever moved away a lock of somebody else sees that in the file, and puts it back.
 */
function removeStale(lockPath, holder) {
  const asidePath = `${lockPath}.${process.pid}`;
  try {
    renameSync(lockPath, asidePath);
    if (Number.parseInt(readFileSync(asidePath, 'utf8'), 10) === holder.pid) rmSync(asidePath);
    else renameSync(asidePath, lockPath);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error; // Somebody else has moved it.
  }
}

function touch(lockPath) {
  const now = new Date();
  try {
    utimesSync(lockPath, now, now);
  } catch {
    // Somebody removed the lock by hand. npm is already running; there is nothing better to do than finish.
  }
}
