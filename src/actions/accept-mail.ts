import { createHash } from 'node:crypto';
import { isKaziError, KaziError } from '../core/errors.ts';
import type { IncomingMail, MailDelivery } from '../core/mail.ts';
import { mailFolder, storeMailAnswer } from '../core/mail-answer.ts';
import { mailFileNames } from '../core/mail-file-names.ts';
import { mailboxOfReferences } from '../core/mail-ids.ts';
import { toMailInput } from '../core/mail-input.ts';
import { loopReasonOf } from '../core/mail-loop.ts';
import { isAllowedSender } from '../core/mail-sender.ts';
import type { Principal } from '../core/principal.ts';
import { RATE_WINDOW_MS } from '../core/rate-limit.ts';
import { readRecipient } from '../core/worker-mail.ts';
import { findMailbox, type MailedWorker } from '../storage/mail.ts';
import type { AcceptedTurn } from './accept-turn.ts';
import type { ActionContext } from './context.ts';
import { continueWorker, type TurnFile } from './continue-worker.ts';

/** Longer than any mail server tries to hand a mail over. */
const REPEATS_MS = 30 * 86_400_000;

/** A mail with the one address that it says it comes from. */
type SignedMail = IncomingMail & { readonly from: string };

/** Throws MAILBOX_NOT_FOUND for an address that is no worker's; what a mail to the shared one is for, only the mail tells. */
export const checkMailRecipient = async ({ db, mail }: ActionContext, address: string): Promise<void> => {
  const recipient = readRecipient(address, mail.domain);
  const isKnown = recipient === 'shared' || (recipient !== null && (await findMailbox(db, recipient)) !== undefined);
  if (!isKnown) throw new KaziError('MAILBOX_NOT_FOUND', { address });
};

/**
 * Makes a turn of each worker that a mail is for, durably. Nothing is made of a mail that one of them may not get, so that
 * the one answer of SMTP is true of all. The same mail handed in again makes nothing: it is known by Message-ID, sender and
 * worker, without one by its content. Throws MAIL_FROM_MACHINE, MAIL_UNREADABLE, MAILBOX_NOT_FOUND, MAIL_SENDER_UNDECIDED,
 * MAIL_SENDER_UNPROVEN, MAIL_SENDER_REFUSED, RATE_LIMITED, and as continueWorker does.
 */
export const acceptMail = async (context: ActionContext, delivery: MailDelivery): Promise<readonly AcceptedTurn[]> => {
  const { mail, proof } = delivery;
  const reason = loopReasonOf(delivery, context.mail.domain);
  if (reason !== null) throw new KaziError('MAIL_FROM_MACHINE', { reason });
  const { from } = mail;
  if (from === null) throw new KaziError('MAIL_UNREADABLE', { reason: 'From must hold one address' });
  const workers = await findRecipients(context, delivery);
  if (proof === 'undecided') throw new KaziError('MAIL_SENDER_UNDECIDED', { sender: from });
  if (proof === 'unproven') throw new KaziError('MAIL_SENDER_UNPROVEN', { sender: from });
  if (!workers.every(({ senders }) => isAllowedSender(from, senders))) {
    throw new KaziError('MAIL_SENDER_REFUSED', { sender: from });
  }
  const turns: AcceptedTurn[] = [];
  for (const worker of workers) turns.push(await acceptTurnOf(context, worker, { ...mail, from }));
  return turns;
};

/** Each once. */
const findRecipients = async (
  { db, mail: rules }: ActionContext,
  { envelope, mail }: MailDelivery,
): Promise<readonly MailedWorker[]> => {
  const workers = new Map<string, MailedWorker>();
  for (const address of envelope.recipients) {
    const recipient = readRecipient(address, rules.domain);
    const mailbox = recipient === 'shared' ? mailboxOfReferences(mail.references, rules.domain) : recipient;
    const worker = mailbox && (await findMailbox(db, mailbox));
    if (!worker) throw new KaziError('MAILBOX_NOT_FOUND', { address });
    workers.set(worker.id, worker);
  }
  return [...workers.values()];
};

const acceptTurnOf = async (context: ActionContext, worker: MailedWorker, mail: SignedMail): Promise<AcceptedTurn> => {
  const key = createHash('sha256')
    .update(JSON.stringify(['mail', mail.from, mail.messageId === null ? mail.contentHash : `<${mail.messageId}>`]))
    .digest('hex');
  const folder = mailFolder(key);
  const { input, files } = toTurn(mail, folder);
  const scope = createHash('sha256')
    .update(JSON.stringify(['mail', worker.id, key]))
    .digest();
  const turn = await continueOrExplain(context, ownerOf(worker), {
    workerId: worker.id,
    input,
    budget: 'standard',
    files,
    metadata: { mail_from: mail.from, mail_subject: mail.subject, mail_message_id: mail.messageId },
    // The mail is known by its scope: what it looks like after another way through the world is of no interest.
    request: { idempotencyScope: scope, hash: scope, isRetry: false, keepMs: REPEATS_MS },
    countRequest: async () => await countMail(context, worker, mail.from),
    ...(context.mail.canAnswer
      ? { webhook: storeMailAnswer(mail, worker, { domain: context.mail.domain, folder }) }
      : {}),
  });
  context.log.info(
    { worker: worker.id, job: turn.jobId, mail: mail.messageId, repeated: turn.isReplay },
    'a mail was accepted',
  );
  return turn;
};

/** What a sender can do something about, in words of mail. */
const continueOrExplain = async (...turn: Parameters<typeof continueWorker>): Promise<AcceptedTurn> => {
  try {
    return await continueWorker(...turn);
  } catch (error) {
    if (!isKaziError(error, 'FILE_NOT_FOUND')) throw error;
    const reason = 'its files find no place, because "mail" is no folder in the workspace of the worker';
    throw new KaziError('MAIL_UNREADABLE', { reason }, { cause: error });
  }
};

const toTurn = (mail: SignedMail, folder: string): { readonly input: string; readonly files: readonly TurnFile[] } => {
  // The text's own name is taken first, whatever the others are called.
  const [textName = '', ...names] = mailFileNames(['message.txt', ...mail.files.map(({ name }) => name)]);
  const files = mail.files.map(({ bytes }, place) => ({ path: `${folder}/${names[place]}`, bytes }));
  const overlongPath = `${folder}/${textName}`;
  const { input, overlong } = toMailInput(mail, { paths: files.map(({ path }) => path), overlongPath });
  return {
    input,
    files: overlong === null ? files : [...files, { path: overlongPath, bytes: Buffer.from(overlong, 'utf8') }],
  };
};

const countMail = async ({ requestCounts, mail }: ActionContext, worker: MailedWorker, from: string): Promise<void> => {
  if (mail.mostPerMinute === null) return;
  const counted = {
    key: JSON.stringify(['mail', worker.tenantId, from]),
    windowMs: RATE_WINDOW_MS,
    max: mail.mostPerMinute,
  };
  const { requests, endsInMs } = await requestCounts.add(counted);
  if (requests > mail.mostPerMinute) {
    throw new KaziError('RATE_LIMITED', { retryAfterSeconds: Math.max(1, Math.ceil(endsInMs / 1_000)) });
  }
};

/** A mail acts for the owner of its worker, and reaches nothing else. */
const ownerOf = ({ id, tenantId, userId }: MailedWorker): Principal => ({
  kind: 'session_token',
  tenantId,
  userId,
  sessionIds: [id],
  scopes: ['user'],
  isAnonymous: false,
  hasTenantClaim: true,
  credentialId: `mail:${id}`,
});
