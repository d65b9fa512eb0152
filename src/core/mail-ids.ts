import { readWorkerMailbox, type WorkerMailbox } from './worker-mail.ts';

const ANSWER = /^kazi\.[0-9a-f-]{36}\.(?<mailbox>[a-z0-9-]{35})@(?<domain>.+)$/;

/** The Message-ID of the answer of a job. It names the worker, so that whoever answers it finds the way back. */
export const answerId = (jobId: string, workerAddress: string): string => `kazi.${jobId}.${workerAddress}`;

/** True for an id that answerId has made on this server. */
export const isAnswerId = (messageId: string, domain: string): boolean =>
  ANSWER.exec(messageId.toLowerCase())?.groups?.['domain'] === domain;

/** The worker that one of these mails came from; the first that names one. */
export const mailboxOfReferences = (references: readonly string[], domain: string): WorkerMailbox | null => {
  for (const reference of references) {
    const { mailbox, domain: found } = ANSWER.exec(reference.toLowerCase())?.groups ?? {};
    const named = found === domain && mailbox !== undefined ? readWorkerMailbox(mailbox) : null;
    if (named) return named;
  }
  return null;
};
