import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { OutputChunk } from './sandbox-command.ts';

/** Characters of each stream that the result keeps. */
export const KEPT_CHARACTERS = 1_000_000;

/**
 * Turns the two byte streams of a command into text chunks, keeps their ends, and calls `onExcess` once when both together
 * pass `maxBytes`; what comes later is drained and dropped.
 */
export class OutputCollector {
  readonly #kept = { stdout: '', stderr: '' };
  readonly #onOutput: ((chunk: OutputChunk) => void) | undefined;
  readonly #onExcess: () => void;
  readonly #maxBytes: number;
  #bytesLeft: number;
  #isExceeded = false;

  constructor(options: {
    maxBytes: number;
    onOutput: ((chunk: OutputChunk) => void) | undefined;
    onExcess: () => void;
  }) {
    this.#maxBytes = options.maxBytes;
    this.#bytesLeft = options.maxBytes;
    this.#onOutput = options.onOutput;
    this.#onExcess = options.onExcess;
  }

  get stdout(): string {
    return this.#kept.stdout.slice(-KEPT_CHARACTERS);
  }

  get stderr(): string {
    return this.#kept.stderr.slice(-KEPT_CHARACTERS);
  }

  /** Counts from here on, unless the limit was passed already. */
  allowAnew(): void {
    if (!this.#isExceeded) this.#bytesLeft = this.#maxBytes;
  }

  /** Resolves when the stream has ended. */
  async collect(stream: OutputChunk['stream'], source: Readable): Promise<void> {
    const decoder = new StringDecoder('utf8');
    await new Promise<void>((resolve) => {
      source.on('data', (bytes: Buffer) => this.#accept(stream, decoder.write(this.#allow(bytes))));
      // A reset pipe ends the output as well; the exit of the process tells the rest.
      source.on('error', () => resolve());
      source.on('close', () => {
        this.#accept(stream, decoder.end());
        resolve();
      });
    });
  }

  #allow(bytes: Buffer): Buffer {
    const allowed = bytes.subarray(0, this.#bytesLeft);
    this.#bytesLeft -= allowed.length;
    if (!this.#isExceeded && allowed.length < bytes.length) {
      this.#isExceeded = true;
      this.#onExcess();
    }
    return allowed;
  }

  #accept(stream: OutputChunk['stream'], text: string): void {
    if (text === '') return;
    const kept = this.#kept[stream] + text;
    this.#kept[stream] = kept.length > 2 * KEPT_CHARACTERS ? kept.slice(-KEPT_CHARACTERS) : kept;
    this.#onOutput?.({ stream, text });
  }
}
