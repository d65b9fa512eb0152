import { KaziError } from '../core/errors.ts';
import type { WorkspaceOwner } from './open-beneath.ts';
import type { CommandResult, Sandbox, SandboxCommand, SandboxLimits, SandboxProcess } from './sandbox.ts';
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

/** The part of a driver that differs: turns a command into a leader process. */
export interface CommandStarter {
  /** `release` is to be called when the command and its output have ended. Throws SANDBOX_UNAVAILABLE. */
  start(request: CommandStart): Promise<{ readonly started: StartedCommand; readonly release: () => void }>;
  /** Looks at a finished command; throws SANDBOX_UNAVAILABLE when it is the driver that failed. */
  check(result: CommandResult): CommandResult;
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
    this.#assertOpen();
    const { starter, claim, limits, workspaceDir, owner } = this.#options;
    claim.assertHeld();
    this.#meter.start();
    const { started, release } = await starter.start({
      workspaceDir,
      owner,
      limits,
      mark: claim.mark,
      command,
      cwd: [WORKSPACE_PATH, ...parseWorkspacePath(command.cwd ?? '.')].join('/'),
    });
    const process = superviseCommand({ started, command, limits, meter: this.#meter });
    const result = process.result.finally(release).then((ended) => starter.check(ended));
    const tracked: SandboxProcess = { kill: process.kill, result };
    this.#track(tracked);
    // Taken over, or destroyed, while it started: it must not run on.
    if (this.#isDestroyed || !claim.isHeld()) tracked.kill();
    return tracked;
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

  #track(process: SandboxProcess): void {
    this.#running.add(process);
    const forget = (): void => {
      this.#running.delete(process);
    };
    process.result.then(forget, forget);
  }

  #assertOpen(): void {
    if (this.#isDestroyed) {
      throw new KaziError('SANDBOX_UNAVAILABLE', {
        reason: `sandbox "${this.sandboxId}" was destroyed. Create it again.`,
      });
    }
  }
}
