import type { IncomingMail } from './mail.ts';
import type { StoredWebhook } from './webhook.ts';
import { webhookTarget } from './webhook-target.ts';
import { workerMailAddress } from './worker-mail.ts';

const MOST_REFERENCES = 20;
/** As the webhooks that wait longest: mail systems may be away for a day. */
const MOST_ATTEMPTS = 12;
const TIMEOUT_SECONDS = 60;

/** Folder of the workspace for the files of a mail: its own, so that no file of another one is in the way. */
export const mailFolder = (mailKey: string): string => `mail/${mailKey.slice(0, 12)}`;

/** The answer to a mail as jobs keep it: a webhook whose address is that of the sender. */
export const storeMailAnswer = (
  mail: IncomingMail & { readonly from: string },
  worker: { readonly id: string; readonly tenantId: string; readonly mailToken: string },
  where: { readonly domain: string; readonly folder: string },
): StoredWebhook => ({
  url: `mailto:${encodeURIComponent(mail.from).replace('%40', '@')}`,
  target: webhookTarget(worker.tenantId, 'mailto:'),
  secret_ref: null,
  timeout_seconds: TIMEOUT_SECONDS,
  max_attempts: MOST_ATTEMPTS,
  sealed: null,
  mail: {
    to: mail.from,
    from: workerMailAddress(worker, where.domain),
    subject: mail.subject,
    message_id: mail.messageId,
    references: mail.references.slice(0, MOST_REFERENCES),
    folder: where.folder,
  },
});
