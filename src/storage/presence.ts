import type { Queryable } from './database.ts';
import { toDatabaseJson } from './json.ts';

/** The connections of one user to a bus, on one node. */
export interface PresentMember {
  /** Null for connections whose credential names no user. */
  readonly user: string | null;
  readonly connections: number;
  readonly sessions: readonly string[];
}

/** What one node holds of one bus. */
export interface BusPresence {
  readonly bus: string;
  readonly members: readonly PresentMember[];
}

/** Replaces what the node holds of these buses, for `liveMs`. */
export const writePresence = async (
  db: Queryable,
  holder: string,
  { buses, liveMs }: { readonly buses: readonly BusPresence[]; readonly liveMs: number },
): Promise<void> => {
  await db.query('presence/write', [holder, toDatabaseJson(buses), liveMs]);
};

/** What living nodes other than the holder have of these buses, one entry a node and bus. */
export const listPresence = async (db: Queryable, holder: string, buses: readonly string[]): Promise<BusPresence[]> =>
  await db.query<{ bus: string; members: PresentMember[] }>('presence/list', [holder, buses]);

/** Keeps the node's rows alive; gives the buses that it has rows of. */
export const renewPresence = async (db: Queryable, holder: string, liveMs: number): Promise<string[]> =>
  (await db.query<{ bus: string }>('presence/renew', [holder, liveMs])).map(({ bus }) => bus);

/** Takes away what the node holds of these buses; of all when null. */
export const removePresence = async (db: Queryable, holder: string, buses: readonly string[] | null): Promise<void> => {
  await db.query('presence/remove', [holder, buses]);
};

/** Takes away what nodes held that did not renew it. */
export const prunePresence = async (db: Queryable): Promise<void> => {
  await db.query('presence/prune');
};
