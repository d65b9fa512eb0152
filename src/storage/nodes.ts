import type { NodeRole } from '../core/node.ts';
import type { Queryable } from './database.ts';

export interface NodeRegistration {
  readonly role: NodeRole;
  readonly address: string;
  readonly leaseMs: number;
  /** Null or absent: its lease alone tells that it is dead. */
  readonly lifeSign?: string | null;
}

/** Registers a node with a fresh lease; gives its id, which is never used again. */
export const registerNode = async (db: Queryable, node: NodeRegistration): Promise<number> => {
  const parameters = [node.role, node.address, node.leaseMs, node.lifeSign ?? null];
  const [row] = await db.query<{ id: number }>('nodes/register', parameters);
  if (!row) throw new Error('registering a node returned no row');
  return row.id;
};

/** Renews the lease; false when it has run out: the node must stop all work and register anew. */
export const beatNode = async (db: Queryable, nodeId: number, leaseMs: number): Promise<boolean> => {
  const rows = await db.query('nodes/beat', [nodeId, leaseMs]);
  return rows.length > 0;
};

/** Ends a node; what it still holds, the rescuer gives back at once. */
export const retireNode = async (db: Queryable, nodeId: number): Promise<void> => {
  await db.query('nodes/retire', [nodeId]);
};

/** Nodes that count as living and show a sign of life. */
export const listSignedNodes = async (
  db: Queryable,
): Promise<readonly { readonly nodeId: number; readonly lifeSign: string }[]> => {
  const rows = await db.query<{ id: number; life_sign: string }>('nodes/list-signed');
  return rows.map((row) => ({ nodeId: row.id, lifeSign: row.life_sign }));
};

/** Forgets nodes that died long ago. */
export const pruneNodes = async (db: Queryable): Promise<void> => {
  await db.query('nodes/prune');
};

/** True when some living node runs jobs. */
export const hasRunner = async (db: Queryable): Promise<boolean> => {
  const [row] = await db.query<{ has_runner: boolean }>('nodes/has-runner');
  return row?.has_runner ?? false;
};
