import { posix } from 'node:path';
import type { ArtifactEntry } from '../core/artifact.ts';
import { domainOf } from '../core/domain-of.ts';
import type { Job } from '../core/job.ts';
import type { MailThread, OutgoingMail } from '../core/mail.ts';
import { mailFileNames } from '../core/mail-file-names.ts';
import { answerId } from '../core/mail-ids.ts';
import { getWorker } from '../storage/workers.ts';
import type { ActionContext } from './context.ts';
import { readEndedJob } from './read-ended-job.ts';

/** An ended turn that came by mail. */
export interface MailedTurn {
  readonly jobId: string | null;
  readonly thread: MailThread;
  /** Where a client finds a file of a worker. */
  readonly toFileUrl: (workerId: string, path: string) => string;
}

const MAILS_FOLDER = 'mail/';
const MOST_ATTACHED = 50;
const MOST_LINKED = 100;

/**
 * The answer to a mail: what the turn said, with the files that it made, attached as far as they are small enough and linked
 * otherwise. The same in every attempt. For kazi itself, which asks for nobody. Throws JOB_NOT_FOUND.
 */
export const readMailAnswer = async (context: ActionContext, turn: MailedTurn): Promise<OutgoingMail> => {
  const { thread } = turn;
  const { job, artifacts } = await readEndedJob(context, turn);
  const worker = await getWorker(context.db, { tenantId: job.tenantId, id: job.sessionId });
  const made = (artifacts ?? []).filter(({ path }) => isOwn(path, thread));
  const { attached, linked } = share(made, context.mail.attachBytes);
  const names = mailFileNames(attached.map(({ path }) => posix.basename(path)));
  const links = linked.map(
    ({ path, sizeBytes }) => `- ${path} (${describeSize(sizeBytes)}): ${turn.toFileUrl(job.sessionId, path)}`,
  );
  return {
    messageId: answerId(job.id, thread.from),
    from: { name: worker?.title ?? 'kazi', address: thread.from },
    to: thread.to,
    subject: /^\s*re\s*:/i.test(thread.subject) ? thread.subject : `Re: ${thread.subject || 'your mail'}`,
    text: [textOf(job), ...(links.length > 0 ? [`Files that are not attached:\n${links.join('\n')}`] : [])].join(
      '\n\n',
    ),
    inReplyTo: thread.message_id,
    references: [...thread.references.toReversed(), ...(thread.message_id === null ? [] : [thread.message_id])],
    headers: {
      // So that no machine answers it (RFC 3834), and it is known should it come back.
      'Auto-Submitted': 'auto-replied',
      'X-Auto-Response-Suppress': 'All',
      'X-Loop': domainOf(thread.from),
    },
    attachments: attached.map(({ sha256, path, contentType }, place) => ({
      name: names[place] ?? posix.basename(path),
      mediaType: contentType ?? 'application/octet-stream',
      read: async () => await context.blobs.open(sha256),
    })),
  };
};

/** Files of other mails may have arrived while the turn ran; they are nothing that it made. */
const isOwn = (path: string, { folder }: MailThread): boolean =>
  !path.startsWith(MAILS_FOLDER) || path.startsWith(`${folder}/`);

const share = (artifacts: readonly ArtifactEntry[], mostBytes: number) => {
  let left = mostBytes;
  const attached: ArtifactEntry[] = [];
  const linked: ArtifactEntry[] = [];
  for (const artifact of artifacts) {
    const fits = artifact.sizeBytes <= left && attached.length < MOST_ATTACHED;
    if (fits) left -= artifact.sizeBytes;
    (fits ? attached : linked).push(artifact);
  }
  return { attached, linked: linked.slice(0, MOST_LINKED) };
};

const textOf = ({ state, error, outcome }: Job): string => {
  const text = outcome?.text?.trim() ?? '';
  if (state === 'complete') return text || 'Done.';
  const reason =
    state === 'canceled' ? 'This was canceled before it was done.' : `This failed: ${error ?? 'the turn failed'}`;
  return text === '' ? reason : `${reason}\n\nWhat there is so far:\n\n${text}`;
};

const describeSize = (bytes: number): string =>
  bytes >= 1_000_000 ? `${(bytes / 1_000_000).toFixed(1)} MB` : `${Math.max(1, Math.round(bytes / 1_000))} kB`;
