import { execFile } from 'node:child_process';
import { chmodSync, closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Opens a file's name without the file; Node has no constant for it. */
const O_PATH = 0o10000000;
const BATCH = 16;

/** A pipe whose write end goes to a child. */
export interface OutputPipe {
  readonly reader: Socket;
  readonly writeDescriptor: number;
}

/**
 * Real pipes for the output of commands. Node gives its children sockets, which cannot be opened by name: `echo x > /dev/stderr`
 * and `tee /dev/stdout` would fail in every sandbox. So we open nameless FIFOs, made in batches by mkfifo, and use them again
 * once all who held them are gone.
 */
export class OutputPipes {
  readonly #idle: number[] = [];
  readonly #all: number[] = [];
  #filling: Promise<void> | null = null;

  /** A pipe nobody else holds. The caller closes `writeDescriptor` after spawning, and gives the pipe back when the command is gone. */
  async take(): Promise<{ readonly fifo: number } & OutputPipe> {
    for (;;) {
      const fifo = this.#idle.pop();
      if (fifo !== undefined) return { fifo, ...openPipe(fifo) };
      this.#filling ??= this.#fill().finally(() => {
        this.#filling = null;
      });
      await this.#filling;
    }
  }

  giveBack(fifo: number): void {
    this.#idle.push(fifo);
  }

  close(): void {
    for (const fifo of this.#all.splice(0)) closeSync(fifo);
    this.#idle.length = 0;
  }

  async #fill(): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), 'kazi-'));
    try {
      const paths = Array.from({ length: BATCH }, (_, index) => join(folder, String(index)));
      await promisify(execFile)('mkfifo', paths, { env: { PATH: '/usr/bin:/bin' } });
      for (const path of paths) {
        // Whoever holds the write end may open it again by /dev/stdout; nobody but us may read.
        chmodSync(path, 0o622);
        const fifo = openSync(path, O_PATH);
        this.#all.push(fifo);
        this.#idle.push(fifo);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

const openPipe = (fifo: number): OutputPipe => {
  const path = `/proc/self/fd/${fifo}`;
  const readDescriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writeDescriptor = openSync(path, constants.O_WRONLY);
  return { reader: new Socket({ fd: readDescriptor, readable: true, writable: false }), writeDescriptor };
};
