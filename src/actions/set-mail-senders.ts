import { KaziError } from '../core/errors.ts';
import { normalizeSenders } from '../core/mail-sender.ts';
import type { Principal } from '../core/principal.ts';
import { getMailSenders, setMailSenders as keepMailSenders, type MailSenders } from '../storage/mail.ts';
import type { ActionContext } from './context.ts';
import { findWorker } from './find-worker.ts';

/** Who may write to a worker. Throws as findWorker does. */
export const readMailSenders = async (
  context: ActionContext,
  principal: Principal,
  workerId: string,
): Promise<MailSenders> => {
  const { worker, session } = await findWorker(context, principal, workerId);
  const senders = await getMailSenders(context.db, { ...worker, userId: session.userId });
  if (!senders) throw new KaziError('WORKER_NOT_FOUND');
  return senders;
};

/** Says who may write to a worker; null = the addresses of its owner. Throws as findWorker and normalizeSenders do. */
export const setMailSenders = async (
  context: ActionContext,
  principal: Principal,
  change: { readonly workerId: string; readonly senders: readonly string[] | null },
): Promise<MailSenders> => {
  const { worker } = await findWorker(context, principal, change.workerId);
  await keepMailSenders(context.db, worker, change.senders === null ? null : normalizeSenders(change.senders));
  return await readMailSenders(context, principal, change.workerId);
};
