import { LRUCache } from 'lru-cache';
import type { Agent } from '../core/agent.ts';
import type { Database } from '../storage/database.ts';
import { getSession, type SessionIdentity } from '../storage/sessions.ts';
import { ensureLane, ensureTenant } from '../storage/tenants.ts';

const ENTRIES = 50_000;

/** What this node has learned about tenants, lanes and sessions, and what never changes once it is true. */
export class Directory {
  readonly #db: Database;
  readonly #owners = new LRUCache<string, true>({ max: ENTRIES });
  readonly #lanes = new LRUCache<string, number>({ max: ENTRIES });
  readonly #sessions = new LRUCache<string, SessionIdentity>({ max: ENTRIES });

  constructor(db: Database) {
    this.#db = db;
  }

  /** Makes tenant and user known before a row names them. */
  async ensureOwner(tenantId: string, userId: string | null): Promise<void> {
    const key = JSON.stringify([tenantId, userId]);
    if (this.#owners.has(key)) return;
    await ensureTenant(this.#db, tenantId, userId);
    this.#owners.set(key, true);
  }

  /** The lane of an agent of a tenant; makes the tenant and the user known as ensureOwner does. */
  async laneOf(owner: { readonly tenantId: string; readonly userId: string | null }, agent: Agent): Promise<number> {
    const { tenantId, userId } = owner;
    const key = JSON.stringify([tenantId, userId, agent.name]);
    const known = this.#lanes.get(key);
    if (known !== undefined) return known;
    const lane = await ensureLane(this.#db, { tenantId, userId, agent: agent.name, maxRunning: agent.maxRunning });
    this.#lanes.set(key, lane);
    return lane;
  }

  /** Identity of a session of the tenant; undefined when it does not exist yet. */
  async findSession(tenantId: string, sessionId: string): Promise<SessionIdentity | undefined> {
    const key = JSON.stringify([tenantId, sessionId]);
    const known = this.#sessions.get(key);
    if (known) return known;
    const session = await getSession(this.#db, tenantId, sessionId);
    if (session) this.#sessions.set(key, session);
    return session;
  }
}
