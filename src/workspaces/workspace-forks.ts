import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { copyTree } from './copy-tree.ts';
import { prepareWorkspace, workspaceOf } from './workspace.ts';

/**
 * Copies of workspaces for sessions that do not exist yet. Each is marked until it is known whether its session was
 * committed, so that what a crash leaves behind can be told from a workspace.
 */
export class WorkspaceForks {
  readonly #dataDir: string;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /** Copies what this node's disk has of the source, as it is now; nothing where it has none. Throws FORK_REFUSED. */
  async copy(sourceNum: number, targetNum: number): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await writeFile(this.#markOf(targetNum), '');
    // It belongs to the server until the first sandbox of its session gives it to its own user.
    await copyTree(workspaceOf(this.#dataDir, sourceNum), await prepareWorkspace(this.#dataDir, targetNum));
  }

  /** The session has been committed. */
  async keep(targetNum: number): Promise<void> {
    await rm(this.#markOf(targetNum), { force: true });
  }

  /** There will be no such session. */
  async discard(targetNum: number): Promise<void> {
    await rm(dirname(workspaceOf(this.#dataDir, targetNum)), { recursive: true, force: true });
    await this.keep(targetNum);
  }

  /** Numbers of copies that were begun at least so long ago, and neither kept nor discarded. */
  async listUndecided(minAgeMs: number): Promise<readonly number[]> {
    const names = await readdir(this.#folder).catch(() => [] /* nothing was ever copied */);
    const undecided: number[] = [];
    for (const num of names.map(Number)) {
      const mark = await stat(this.#markOf(num)).catch(() => null /* decided meanwhile */);
      if (mark !== null && Date.now() - mark.mtimeMs >= minAgeMs) undecided.push(num);
    }
    return undecided;
  }

  get #folder(): string {
    return join(this.#dataDir, 'workspaces', 'forks');
  }

  #markOf(num: number): string {
    return join(this.#folder, String(num));
  }
}
