import type { WorkerMailbox } from '../core/worker-mail.ts';
import type { Queryable } from './database.ts';

/** A worker that mail can reach. */
export interface MailedWorker {
  readonly id: string;
  readonly tenantId: string;
  readonly userId: string | null;
  readonly mailToken: string;
  /** Who may write to it. */
  readonly senders: readonly string[];
}

/** The worker whose mailbox it is, unless it was deleted. */
export const findMailbox = async (db: Queryable, mailbox: WorkerMailbox): Promise<MailedWorker | undefined> => {
  const [row] = await db.query<{
    id: string;
    tenant_id: string;
    user_id: string | null;
    mail_token: string;
    senders: string[];
  }>('mail/find-mailbox', [mailbox.ulid, mailbox.mailToken]);
  return (
    row && { id: row.id, tenantId: row.tenant_id, userId: row.user_id, mailToken: row.mail_token, senders: row.senders }
  );
};

/** Who may write to a worker. */
export interface MailSenders {
  /** Those that count. */
  readonly senders: readonly string[];
  /** True when they are the addresses of its owner, because it has no list of its own. */
  readonly areInherited: boolean;
}

interface WorkerOfUser {
  readonly tenantId: string;
  readonly id: string;
  readonly userId: string | null;
}

/** Undefined for a worker that was deleted. */
export const getMailSenders = async (
  db: Queryable,
  { tenantId, id, userId }: WorkerOfUser,
): Promise<MailSenders | undefined> => {
  const parameters = [tenantId, id, userId ?? ''];
  const [row] = await db.query<{ own: string[] | null; senders: string[] }>('mail/get-senders', parameters);
  return row && { senders: row.senders, areInherited: row.own === null };
};

/** Null = the addresses of its owner. */
export const setMailSenders = async (
  db: Queryable,
  { tenantId, id }: Pick<WorkerOfUser, 'tenantId' | 'id'>,
  senders: readonly string[] | null,
): Promise<void> => {
  await db.query('mail/set-senders', [tenantId, id, senders]);
};

/** The mail addresses of one user; null = of workers that belong to none. */
export interface UserMailAddresses {
  readonly userId: string | null;
  readonly addresses: readonly string[];
}

/** By user. */
export const listMailAddresses = async (db: Queryable, tenantId: string): Promise<UserMailAddresses[]> => {
  const rows = await db.query<{ user_id: string; addresses: string[] }>('mail/list-addresses', [tenantId]);
  return rows.map((row) => ({ userId: row.user_id || null, addresses: row.addresses }));
};

/** Replaces those of a user; an empty list takes them away. The tenant must be known. */
export const putMailAddresses = async (
  db: Queryable,
  { tenantId, userId, addresses }: UserMailAddresses & { readonly tenantId: string },
): Promise<void> => {
  const user = userId ?? '';
  if (addresses.length === 0) await db.query('mail/delete-addresses', [tenantId, user]);
  else await db.query('mail/put-addresses', [tenantId, user, addresses]);
};
