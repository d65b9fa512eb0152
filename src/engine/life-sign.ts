import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import type { Logger } from 'pino';

const LONGEST_TIMER_MS = 2 ** 31 - 1;
const NAME = /^[0-9a-f-]{36}\/[0-9a-f-]{36}$/;

/**
 * Lets nodes that share a data folder know for certain that one of them is dead, so that its jobs need not wait for its lease.
 *
 * It is a file that the kernel keeps locked for as long as the process exists, also while that is stopped: whoever gets the lock
 * knows that its holder is no more. Process ids would not do: they are reused, and mean nothing between containers. The lock is
 * SQLite's, because Node has no flock (see postgres/data-dir-lock.ts). A folder on a network may be shared with another kernel, and
 * its locks may be local only; therefore only a sign of this very boot is judged. Whatever is uncertain is left to the lease.
 */
export class LifeSign {
  readonly #folder: string;
  readonly #log: Logger;
  #own: { readonly name: string; readonly lock: DatabaseSync } | undefined;
  #anchor: NodeJS.Timeout | undefined;

  constructor(options: { readonly dataDir: string; readonly log: Logger }) {
    this.#folder = join(options.dataDir, 'nodes');
    this.#log = options.log;
  }

  /** What other nodes may ask about; null where nothing would be certain: before start(), and where this machine lacks what it takes. */
  get name(): string | null {
    return this.#own?.name ?? null;
  }

  start(): void {
    const bootId = readBootId();
    if (this.#own || bootId === null) return;
    const name = `${bootId}/${randomUUID()}`;
    let lock: DatabaseSync | null = null;
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      lock = lockExclusively(this.#pathOf(name), 'rwc');
    } catch {
      // The warning below says all that matters.
    }
    if (lock) {
      this.#own = { name, lock };
      // Timers are roots: a sign that only its own process knows is not collected, which would let go of the lock.
      this.#anchor = setInterval(() => this.#own, LONGEST_TIMER_MS).unref();
    } else {
      this.#log.warn(
        { folder: this.#folder },
        'no sign of life can be shown here; only its lease tells of the death of this node',
      );
    }
  }

  /** To be called when the node has given up its lease. Safe twice. */
  stop(): void {
    if (!this.#own) return;
    const { name, lock } = this.#own;
    this.#own = undefined;
    clearInterval(this.#anchor);
    lock.close();
    this.forget(name);
  }

  /** True when the process that showed this sign certainly no longer exists. */
  isOfDead(name: string): boolean {
    if (!this.#own || name === this.#own.name || !NAME.test(name)) return false;
    const [bootId] = name.split('/');
    const path = this.#pathOf(name);
    if (bootId !== this.#own.name.split('/')[0]) return false;
    const lock = lockExclusively(path, 'rw');
    lock?.close();
    return lock !== null;
  }

  /** Clears away the sign of a dead process. */
  forget(name: string): void {
    if (NAME.test(name)) rmSync(this.#pathOf(name), { force: true });
  }

  #pathOf(name: string): string {
    return join(this.#folder, `${name.split('/')[1]}.lock`);
  }
}

/** New at each boot of the kernel; null elsewhere than on Linux. */
const readBootId = (): string | null => {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    // Not Linux, or a /proc of a sandbox: nothing tells this boot from another.
    return null;
  }
};

/** Null when another connection has the lock, or it cannot be had for any other reason. Only whoever shows a sign makes the file. */
const lockExclusively = (path: string, mode: 'rw' | 'rwc'): DatabaseSync | null => {
  const url = pathToFileURL(path);
  url.searchParams.set('mode', mode);
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(url, { timeout: 0 });
    database.exec('pragma journal_mode = memory');
    database.exec('begin exclusive');
    return database;
  } catch {
    // Locked by its living holder, gone, or unreadable: no proof of anything either way.
    database?.close();
    return null;
  }
};
