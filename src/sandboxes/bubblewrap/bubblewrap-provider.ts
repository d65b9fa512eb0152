import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { LocalSandbox } from '../local-sandbox.ts';
import { prepareWorkspace } from '../prepare-workspace.ts';
import type { Sandbox, SandboxAvailability, SandboxOptions, SandboxProvider } from '../sandbox.ts';
import { DEFAULT_SANDBOX_LIMITS } from '../sandbox-limits.ts';
import { readUserRange, userOfIdentity } from '../sandbox-user.ts';
import { WorkspaceClaim } from '../workspace-claim.ts';
import { BubblewrapHost } from './bubblewrap-host.ts';
import { explainFailure, findUnavailability } from './bubblewrap-requirements.ts';

const PROBE_TIMEOUT_MS = 10_000;

/** Sandboxes by Linux namespaces, through the bubblewrap program. As root every session has a uid of its own; else all run as the server's. */
export class BubblewrapProvider implements SandboxProvider {
  readonly name = 'bubblewrap';
  readonly fidelity = 'isolated';
  readonly capabilities = { streaming: true, programs: true, snapshot: false, pause: false, expose: false } as const;
  readonly #logger: Logger;
  readonly #users = readUserRange();
  readonly #sandboxes = new Set<Sandbox>();
  #host: BubblewrapHost | null = null;
  #availability: Promise<SandboxAvailability> | null = null;

  constructor(options: { readonly logger: Logger }) {
    this.#logger = options.logger;
  }

  probe(): Promise<SandboxAvailability> {
    this.#availability ??= this.#tryOut();
    return this.#availability;
  }

  async create(options: SandboxOptions): Promise<Sandbox> {
    const owner = this.#users === null ? null : userOfIdentity(options.identity, this.#users);
    const claim = new WorkspaceClaim(options.workspaceDir);
    const leftovers = await claim.take();
    if (leftovers > 0) this.#logger.warn({ sandboxId: options.sandboxId, leftovers }, 'sandbox leftovers killed');
    const workspaceDir = await prepareWorkspace(options.workspaceDir, owner);
    this.#host ??= new BubblewrapHost();
    const sandbox: Sandbox = new LocalSandbox({
      sandboxId: options.sandboxId,
      workspaceDir,
      owner,
      limits: { ...DEFAULT_SANDBOX_LIMITS, ...options.limits },
      claim,
      starter: this.#host,
      onDestroy: () => this.#sandboxes.delete(sandbox),
    });
    this.#sandboxes.add(sandbox);
    return sandbox;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#sandboxes].map((sandbox) => sandbox.destroy()));
    this.#host?.close();
    this.#host = null;
  }

  /** A real command in a throw-away workspace: only that tells whether namespaces are allowed here. */
  async #tryOut(): Promise<SandboxAvailability> {
    const missing = findUnavailability(this.#users);
    if (missing !== null) return missing;
    const folder = await mkdtemp(join(tmpdir(), 'kazi-probe-'));
    try {
      const sandbox = await this.create({ sandboxId: 'probe', workspaceDir: join(folder, 'workspace'), identity: 0 });
      try {
        const result = await sandbox.run({ script: 'echo ok', shell: 'sh', timeoutMs: PROBE_TIMEOUT_MS });
        if (result.stdout === 'ok\n') return { isAvailable: true, details: describeUser(this.#users !== null) };
        return explainFailure(result.stderr.trim() || `the trial command ended with code ${result.exitCode}`);
      } finally {
        await sandbox.destroy();
      }
    } catch (error) {
      return explainFailure(error instanceof Error ? error.message : String(error));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

const describeUser = (hasUsers: boolean): string =>
  hasUsers
    ? 'bubblewrap works; every session runs under a uid of its own'
    : 'bubblewrap works; all sessions run under the uid of the server, apart by namespaces';
