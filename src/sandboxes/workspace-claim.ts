import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { KaziError } from '../core/errors.ts';
import { killLeftovers } from './kill-leftovers.ts';

/**
 * One sandbox's hold on a workspace, in a file beside it. A server that was stopped past its lease may wake up while another
 * one works in the same workspace: taking the claim kills what the old one still runs, and bars the old one from starting more.
 *
 * The order makes it whole: the new holder writes its token, then kills; the old one checks the token after each start.
 */
export class WorkspaceClaim {
  /** Argument that every leader in this workspace carries. */
  readonly mark: string;
  readonly #path: string;
  readonly #token = randomUUID();

  constructor(workspaceDir: string) {
    const key = createHash('sha256').update(workspaceDir).digest('hex').slice(0, 32);
    this.mark = `kazi-workspace-${key}`;
    this.#path = join(dirname(workspaceDir), `.${basename(workspaceDir)}.sandbox`);
  }

  /** Resolves, with how many were killed, when no process of an earlier holder is alive. All processes are only scanned when one did not let go. */
  async take(): Promise<number> {
    const wasHeld = this.#read() !== null;
    mkdirSync(dirname(this.#path), { recursive: true });
    const draft = `${this.#path}.${this.#token}`;
    writeFileSync(draft, `${this.#token}\n`, { mode: 0o600 });
    renameSync(draft, this.#path);
    return wasHeld ? killLeftovers(this.mark) : 0;
  }

  /** False once another sandbox has taken the workspace. */
  isHeld(): boolean {
    return this.#read() === this.#token;
  }

  /** Throws SANDBOX_UNAVAILABLE when another sandbox has taken the workspace. */
  assertHeld(): void {
    if (this.isHeld()) return;
    throw new KaziError('SANDBOX_UNAVAILABLE', { reason: 'another sandbox has taken over this workspace.' });
  }

  release(): void {
    if (this.isHeld()) rmSync(this.#path, { force: true });
  }

  #read(): string | null {
    try {
      return readFileSync(this.#path, 'utf8').trim();
    } catch {
      // Not there: nobody holds it.
      return null;
    }
  }
}
