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
  readonly fifo: number;
  readonly reader: Socket;
  readonly writeDescriptor: number;
}

/** A pipe whose read end goes to a child. */
export interface InputPipe {
  readonly fifo: number;
  readonly writer: Socket;
  readonly readDescriptor: number;
}

/**
 * Real pipes between the server and commands. Node gives its children sockets, which cannot be opened by name: `echo x > /dev/stderr`
 * and `tee /dev/stdout` would fail in every sandbox. So we open nameless FIFOs, made in batches by mkfifo, and use them again
 * once all who held them are gone.
 */
export class CommandPipes {
  readonly #idle: number[] = [];
  readonly #all: number[] = [];
  #filling: Promise<void> | null = null;

  /** A pipe nobody else holds. The caller closes `writeDescriptor` after spawning, and gives the pipe back when the command is gone. */
  async takeOutput(): Promise<OutputPipe> {
    return openOutput(await this.#take());
  }

  /** The same for standard input: the caller closes `readDescriptor` after spawning. */
  async takeInput(): Promise<InputPipe> {
    return openInput(await this.#take());
  }

  giveBack(fifo: number): void {
    this.#idle.push(fifo);
  }

  close(): void {
    for (const fifo of this.#all.splice(0)) closeSync(fifo);
    this.#idle.length = 0;
  }

  async #take(): Promise<number> {
    for (;;) {
      const fifo = this.#idle.pop();
      if (fifo !== undefined) return fifo;
      this.#filling ??= this.#fill().finally(() => {
        this.#filling = null;
      });
      await this.#filling;
    }
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

const openOutput = (fifo: number): OutputPipe => {
  const path = `/proc/self/fd/${fifo}`;
  const readDescriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writeDescriptor = openSync(path, constants.O_WRONLY);
  return { fifo, reader: new Socket({ fd: readDescriptor, readable: true, writable: false }), writeDescriptor };
};

const openInput = (fifo: number): InputPipe => {
  const path = `/proc/self/fd/${fifo}`;
  // A writer cannot open a pipe without a reader, and a child wants its end to block: so one reader just for the opening.
  const opener = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writeDescriptor = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  const readDescriptor = openSync(path, constants.O_RDONLY);
  closeSync(opener);
  const writer = new Socket({ fd: writeDescriptor, readable: false, writable: true });
  // A command may leave without reading; whoever writes is told by the callback of the write.
  writer.on('error', () => undefined);
  return { fifo, writer, readDescriptor };
};
