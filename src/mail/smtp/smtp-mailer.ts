import { Readable } from 'node:stream';
import { createTransport } from 'nodemailer';
import type { OutgoingMail } from '../../core/mail.ts';
import type { MailAnswer, Mailer } from '../mailer.ts';

/** nodemailer's codes for what the relay said to the addresses or the mail itself, not to the connection or the login. */
const ABOUT_THE_MAIL: ReadonlySet<string> = new Set(['EENVELOPE', 'EMESSAGE']);
const SHOWN_CHARACTERS = 500;

/** Sends through the relay of that URL, on a connection for each mail. */
export const createSmtpMailer = (relayUrl: string): Mailer => {
  const transport = createTransport({ url: relayUrl, disableFileAccess: true, disableUrlAccess: true });
  return {
    close: () => transport.close(),
    send: async (mail, { signal, timeoutMs }) => {
      const timeout = AbortSignal.timeout(timeoutMs);
      try {
        const { response } = await transport.sendMail({
          ...(await toMessage(mail)),
          signal: AbortSignal.any([signal, timeout]),
        });
        return { isSuccess: true, status: codeOf(response), text: response.slice(0, SHOWN_CHARACTERS), isFinal: false };
      } catch (error) {
        signal.throwIfAborted();
        if (timeout.aborted) return failed(`Timed out after ${timeoutMs / 1_000} seconds`);
        return describe(error);
      }
    },
  };
};

const toMessage = async (mail: OutgoingMail) => ({
  messageId: `<${mail.messageId}>`,
  from: mail.from,
  to: mail.to,
  subject: mail.subject,
  text: mail.text,
  ...(mail.inReplyTo === null ? {} : { inReplyTo: `<${mail.inReplyTo}>` }),
  references: mail.references.map((id) => `<${id}>`),
  headers: mail.headers,
  attachments: await Promise.all(
    mail.attachments.map(async ({ name, mediaType, read }) => ({
      filename: name,
      contentType: mediaType,
      content: Readable.from(await read(), { objectMode: false }),
    })),
  ),
});

const failed = (text: string): MailAnswer => ({ isSuccess: false, status: null, text, isFinal: false });

const describe = (error: unknown): MailAnswer => {
  if (!(error instanceof Error)) return failed('The mail could not be sent');
  const { code, response, responseCode } = error as Error & Readonly<Record<string, unknown>>;
  const status = typeof responseCode === 'number' ? responseCode : null;
  return {
    isSuccess: false,
    status,
    text: (typeof response === 'string' && response !== '' ? response : error.message).slice(0, SHOWN_CHARACTERS),
    isFinal: status !== null && status >= 500 && ABOUT_THE_MAIL.has(String(code)),
  };
};

const codeOf = (response: string): number | null => Number(/^\d{3}/.exec(response)?.[0]) || null;
