import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { isReachableByOthers, isReadableByOthers } from '../is-reachable.ts';
import { LocalSandbox } from '../local-sandbox.ts';
import type { WorkspaceOwner } from '../open-beneath.ts';
import { prepareWorkspace } from '../prepare-workspace.ts';
import type { Sandbox, SandboxAvailability, SandboxOptions, SandboxProvider } from '../sandbox.ts';
import { DEFAULT_SANDBOX_LIMITS } from '../sandbox-limits.ts';
import { readUserRange, userOfIdentity } from '../sandbox-user.ts';
import { WorkspaceClaim } from '../workspace-claim.ts';
import { INSTALLATION_PATHS, JustBashStarter } from './just-bash-starter.ts';

/** Sandboxes by emulation: bash and some eighty commands written in JavaScript, in a child process, with the workspace as the only real folder. */
export class JustBashProvider implements SandboxProvider {
  readonly name = 'just-bash';
  readonly fidelity = 'emulated';
  readonly capabilities = { streaming: false, programs: false, snapshot: false, pause: false, expose: false } as const;
  readonly #logger: Logger;
  readonly #starter = new JustBashStarter();
  readonly #sandboxes = new Set<Sandbox>();
  #availability: Promise<SandboxAvailability> | null = null;

  constructor(options: { readonly logger: Logger }) {
    this.#logger = options.logger;
  }

  probe(): Promise<SandboxAvailability> {
    this.#availability ??= this.#tryOut();
    return this.#availability;
  }

  async create(options: SandboxOptions): Promise<Sandbox> {
    const claim = new WorkspaceClaim(options.workspaceDir);
    const leftovers = await claim.take();
    if (leftovers > 0) this.#logger.warn({ sandboxId: options.sandboxId, leftovers }, 'sandbox leftovers killed');
    const prepared = await prepareWorkspace(options.workspaceDir, null);
    const owner = chooseOwner(prepared, options.identity);
    const sandbox: Sandbox = new LocalSandbox({
      sandboxId: options.sandboxId,
      workspaceDir: await prepareWorkspace(prepared, owner),
      owner,
      limits: { ...DEFAULT_SANDBOX_LIMITS, ...options.limits },
      claim,
      starter: this.#starter,
      onDestroy: () => this.#sandboxes.delete(sandbox),
    });
    this.#sandboxes.add(sandbox);
    return sandbox;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#sandboxes].map((sandbox) => sandbox.destroy()));
  }

  async #tryOut(): Promise<SandboxAvailability> {
    const folder = await mkdtemp(join(await realpath(tmpdir()), 'kazi-probe-'));
    try {
      const sandbox = await this.create({ sandboxId: 'probe', workspaceDir: join(folder, 'workspace'), identity: 0 });
      try {
        const result = await sandbox.run({ script: 'echo ok' });
        if (result.stdout === 'ok\n') {
          return {
            isAvailable: true,
            details: 'emulated shell: some eighty commands, no programs of the machine, no background processes',
          };
        }
        return unavailable(result.stderr.trim() || `the trial command ended with code ${result.exitCode}`);
      } finally {
        await sandbox.destroy();
      }
    } catch (error) {
      return unavailable(error instanceof Error ? error.message : String(error));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

/** As root, a uid of the session's own where that uid can read node, this installation and the workspace; else the server's. */
const chooseOwner = (workspaceDir: string, identity: number | bigint): WorkspaceOwner | null => {
  const users = readUserRange();
  if (users === null || !isReachableByOthers(workspaceDir)) return null;
  return [process.execPath, ...INSTALLATION_PATHS].every(isReadableByOthers) ? userOfIdentity(identity, users) : null;
};

const unavailable = (reason: string): SandboxAvailability => ({
  isAvailable: false,
  reason,
  remedy: 'Install the npm dependencies of kazi again (npm ci), with Node 22.19 or newer.',
});
