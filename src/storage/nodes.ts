import type { NodeRole } from '../core/node.ts';
import type { Queryable } from './database.ts';

/** Registers a node with a fresh lease; gives its id, which is never used again. */
export const registerNode = async (
  db: Queryable,
  node: { readonly role: NodeRole; readonly address: string; readonly leaseMs: number },
): Promise<number> => {
  const [row] = await db.query<{ id: number }>('nodes/register', [node.role, node.address, node.leaseMs]);
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

/** Forgets nodes that died long ago. */
export const pruneNodes = async (db: Queryable): Promise<void> => {
  await db.query('nodes/prune');
};
