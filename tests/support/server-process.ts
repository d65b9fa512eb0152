import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { readProcessTree } from '../../src/sandboxes/process-tree.ts';
import { TEST_API_KEY } from './job-client.ts';

/** One line of a server's log; `level` is pino's number, 50 and more are errors. */
export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface ServerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const KAZI = fileURLToPath(new URL('../../bin/kazi', import.meta.url));

/** `bin/kazi serve` in a process group of its own, to be killed, stopped and read. */
export class ServerProcess {
  readonly exited: Promise<ServerExit>;
  readonly #child: ChildProcess;
  readonly #lines: LogLine[] = [];
  readonly #unreadable: string[] = [];
  readonly #news = new EventEmitter();
  #url = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
    // A test that ran out of time does not come to its own end.
    const killAll = (): void => {
      if (this.pid > 0) signalIfAlive(-this.pid, 'SIGKILL');
    };
    process.once('exit', killAll);
    child.once('exit', () => process.off('exit', killAll));
    if (child.stderr) createInterface({ input: child.stderr }).on('line', (line) => this.#read(line));
  }

  /** Starts a server on a free port, with these settings and nothing else of the environment but PATH; resolves when it is ready. */
  static async start(settings: Readonly<Record<string, string>>): Promise<ServerProcess> {
    const child = spawn(KAZI, ['serve', '--port', '0'], {
      detached: true,
      env: { PATH: process.env['PATH'], KAZI_API_KEY: TEST_API_KEY, ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const server = new ServerProcess(child);
    const said = once(createInterface({ input: child.stdout }), 'line');
    const line = await Promise.race([said.then(([text]) => String(text)), server.exited.then(() => null)]);
    if (line === null) throw new Error(`the server did not start: ${server.describeTrouble().join('\n')}`);
    server.#url = line.replace(/^kazi ready /, '');
    return server;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get url(): string {
    return this.#url;
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  get log(): readonly LogLine[] {
    return this.#lines;
  }

  /** Resolves with the first line of this message at or after the place in the log; rejects when the server ends without it. */
  async sawLine(message: string, from = 0): Promise<LogLine> {
    for (;;) {
      const found = this.#lines.slice(from).find((line) => line.msg === message);
      if (found) return found;
      if (this.hasExited) throw new Error(`the server ended without saying "${message}"`);
      await Promise.race([once(this.#news, 'line'), this.exited]);
    }
  }

  /** What a healthy server never says, also while its database comes and goes: stack traces of node, and errors of its own. */
  describeTrouble(): readonly string[] {
    const errors = this.#lines.filter((line) => line.level >= 50 && line['component'] !== 'postgres');
    return [...this.#unreadable, ...errors.map((line) => JSON.stringify(line))];
  }

  signal(name: NodeJS.Signals): void {
    if (!this.hasExited) process.kill(this.pid, name);
  }

  /** SIGTERM. Resolves, when the server has ended, with all that was not well with it. */
  async stopWell(): Promise<readonly string[]> {
    this.signal('SIGTERM');
    const exit = await this.exited;
    const end = exit.code === 0 ? [] : [`the server ended with ${JSON.stringify(exit)}, expected code 0`];
    return [...end, ...this.describeTrouble()];
  }

  /**
   * SIGKILL for the server and everything that it started, at one blow: its process group, and its database and sandboxes, which
   * have groups of their own. Resolves with the time of the blow, when the server is gone.
   */
  async kill(): Promise<Date> {
    const at = new Date();
    if (!this.hasExited) {
      const tree = readProcessTree(this.pid);
      process.kill(-this.pid, 'SIGKILL');
      for (const pid of tree.slice(1)) signalIfAlive(pid, 'SIGKILL');
    }
    await this.exited;
    return at;
  }

  #read(line: string): void {
    const parsed = parseLine(line);
    if (parsed === null) this.#unreadable.push(line);
    else this.#lines.push(parsed);
    this.#news.emit('line');
  }
}

const parseLine = (line: string): LogLine | null => {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    // Not a line of pino: node itself spoke.
    return null;
  }
};

/** Signals a process, or a group by its negative id, that may have ended by now. */
export const signalIfAlive = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself, or with what was signalled before it.
  }
};
