import { measureWorkspace } from './workspace-usage.ts';

/** No disk here writes faster; so long a command may run without its workspace being measured afterwards. */
const MAX_BYTES_PER_MS = 4 * 1024 * 1024;

/**
 * Keeps an eye on the size of one workspace. A workspace that is over its limit already is only called over while it grows,
 * so that a command may still clean up.
 */
export class WorkspaceMeter {
  readonly #root: string;
  readonly #maxBytes: number;
  #baseline: Promise<void> | null = null;
  /** Bytes at the last measurement. */
  #measured = 0;
  #unmeasuredMs = 0;

  constructor(root: string, maxBytes: number) {
    this.#root = root;
    this.#maxBytes = maxBytes;
  }

  /** Takes the size that later ones are compared with, while the first command is still starting. */
  start(): void {
    this.#baseline ??= this.#measure();
  }

  async isOver(): Promise<boolean> {
    await this.#baseline;
    const before = this.#measured;
    await this.#measure();
    return this.#measured > this.#maxBytes && this.#measured > before;
  }

  /** The check after a command: skipped when the time since the last measurement cannot have filled the rest. */
  async isOverAfter(durationMs: number): Promise<boolean> {
    await this.#baseline;
    this.#unmeasuredMs += durationMs;
    const most = this.#measured + this.#unmeasuredMs * MAX_BYTES_PER_MS;
    return most > this.#maxBytes && (await this.isOver());
  }

  async #measure(): Promise<void> {
    this.#measured = await measureWorkspace(this.#root);
    this.#unmeasuredMs = 0;
  }
}
