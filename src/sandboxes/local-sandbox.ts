import { KaziError } from '../core/errors.ts';
import { checkCommand } from './check-command.ts';
import type { WorkspaceOwner } from './open-beneath.ts';
import type { Sandbox } from './sandbox.ts';
import type { CommandResult, SandboxCommand, SandboxProcess } from './sandbox-command.ts';
import type { SandboxLimits } from './sandbox-limits.ts';
import { type StartedCommand, superviseCommand } from './supervise-command.ts';
import type { WorkspaceClaim } from './workspace-claim.ts';
import { WorkspaceFiles } from './workspace-files.ts';
import { WorkspaceMeter } from './workspace-meter.ts';
import { parseWorkspacePath, WORKSPACE_PATH } from './workspace-path.ts';

/** What a driver is told to start. */
export interface CommandStart {
  readonly workspaceDir: string;
  readonly owner: WorkspaceOwner | null;
  readonly limits: SandboxLimits;
  /** Must be an argument of the leader: see WorkspaceClaim. */
  readonly mark: string;
  readonly command: SandboxCommand;
  /** Absolute, as seen inside. */
  readonly cwd: string;
}

/** A command that a driver started. */
export interface RunningCommand {
  readonly started: StartedCommand;
  /** To be called once with the result: releases what the command held. Throws SANDBOX_UNAVAILABLE when it was the driver that failed. */
  readonly finish: (result: CommandResult) => CommandResult;
}

/** The part of a driver that differs: turns a command into a leader process. */
export interface CommandStarter {
  /** Throws SANDBOX_UNAVAILABLE. */
  start(request: CommandStart): Promise<RunningCommand>;
}

/** Everything a sandbox is opened with; the claim is already held. */
export interface LocalSandboxOptions {
  readonly sandboxId: string;
  readonly workspaceDir: string;
  readonly owner: WorkspaceOwner | null;
  readonly limits: SandboxLimits;
  readonly claim: WorkspaceClaim;
  readonly starter: CommandStarter;
  /** Called once, when the sandbox is destroyed. */
  readonly onDestroy: () => void;
}

/** A sandbox on this machine. Every command is a leader process of its own: only files carry from one command to the next. */
export class LocalSandbox implements Sandbox {
  readonly sandboxId: string;
  readonly workspacePath = WORKSPACE_PATH;
  readonly #options: LocalSandboxOptions;
  readonly #files: WorkspaceFiles;
  readonly #meter: WorkspaceMeter;
  readonly #starting = new Set<Promise<SandboxProcess>>();
  readonly #running = new Set<SandboxProcess>();
  #isDestroyed = false;

  constructor(options: LocalSandboxOptions) {
    this.sandboxId = options.sandboxId;
    this.#options = options;
    this.#files = new WorkspaceFiles(options.workspaceDir, options.owner);
    this.#meter = new WorkspaceMeter(options.workspaceDir, options.limits.workspaceBytes);
  }

  async run(command: SandboxCommand): Promise<CommandResult> {
    return (await this.spawn(command)).result;
  }

  async spawn(command: SandboxCommand): Promise<SandboxProcess> {
    const starting = this.#start(command);
    this.#starting.add(starting);
    try {
      return await starting;
    } finally {
      this.#starting.delete(starting);
    }
  }

  read(path: string, options?: Parameters<Sandbox['read']>[1]): ReturnType<Sandbox['read']> {
    return this.#files.read(path, options);
  }

  readStream(path: string): ReturnType<Sandbox['readStream']> {
    return this.#files.readStream(path);
  }

  write(path: string, content: string | Uint8Array): Promise<void> {
    return this.#files.write(path, content);
  }

  stat(path: string): ReturnType<Sandbox['stat']> {
    return this.#files.stat(path);
  }

  list(path?: string, options?: Parameters<Sandbox['list']>[1]): ReturnType<Sandbox['list']> {
    return this.#files.list(path, options);
  }

  delete(path: string): Promise<void> {
    return this.#files.delete(path);
  }

  async kill(): Promise<void> {
    await Promise.allSettled(this.#starting);
    const running = [...this.#running];
    for (const process of running) process.kill();
    await Promise.allSettled(running.map((process) => process.result));
  }

  async destroy(): Promise<void> {
    const wasDestroyed = this.#isDestroyed;
    this.#isDestroyed = true;
    await this.kill();
    if (wasDestroyed) return;
    this.#options.claim.release();
    this.#options.onDestroy();
  }

  async #start(command: SandboxCommand): Promise<SandboxProcess> {
    this.#assertOpen();
    checkCommand(command);
    const { starter, claim, limits, workspaceDir, owner } = this.#options;
    claim.assertHeld();
    const folder = parseWorkspacePath(command.cwd ?? '.');
    if (folder.length > 0) await this.#assertFolder(folder.join('/'));
    this.#meter.start();
    const { started, finish } = await starter.start({
      workspaceDir,
      owner,
      limits,
      mark: claim.mark,
      command,
      cwd: [WORKSPACE_PATH, ...folder].join('/'),
    });
    const process = superviseCommand({ started, command, limits, meter: this.#meter });
    const result = process.result.then(finish);
    const tracked: SandboxProcess = { kill: () => process.kill(), write: (text) => process.write(text), result };
    this.#track(tracked);
    // Taken over, or destroyed, while it started: it must not run on.
    if (this.#isDestroyed || !claim.isHeld()) tracked.kill();
    return tracked;
  }

  #track(process: SandboxProcess): void {
    this.#running.add(process);
    const forget = (): void => {
      this.#running.delete(process);
    };
    process.result.then(forget, forget);
  }

  async #assertFolder(path: string): Promise<void> {
    const entry = await this.#files.stat(path);
    if (entry?.type === 'directory') return;
    throw new KaziError('INVALID_REQUEST', {
      message: `Invalid cwd: found "${path}" (${entry?.type ?? 'nothing'}), expected a folder of the workspace.`,
    });
  }

  #assertOpen(): void {
    if (this.#isDestroyed) {
      throw new KaziError('SANDBOX_UNAVAILABLE', {
        reason: `sandbox "${this.sandboxId}" was destroyed. Create it again.`,
      });
    }
  }
}
