import { createHash } from 'node:crypto';
import EmailReplyParser from 'email-reply-parser';
import PostalMime, { addressParser, type Email } from 'postal-mime';
import type { IncomingMail, MailFile, MailMarks } from '../core/mail.ts';

const MOST_SUBJECT = 500;
const MOST_ID = 250;
const MOST_REFERENCES = 50;
/** Quoted history is looked for in this much; what is longer is no reply of a person. */
const MOST_TRIMMED = 200_000;
const MOST_HTML = 2_000_000;

/**
 * Reads a mail. Takes as long as a hostile one makes it, and throws for one that is nested too deeply: run it where it can
 * be ended (parse-mail.ts).
 */
export const readMail = async (raw: Uint8Array): Promise<IncomingMail> => {
  const email = await PostalMime.parse(raw, { forceRfc822Attachments: true });
  const references = [...idsOf(email.inReplyTo), ...idsOf(email.references).toReversed()];
  const written = (email.text ?? '').trim() || (await htmlText(email.html));
  return {
    messageId: idsOf(email.messageId)[0] ?? null,
    from: oneAddress(email),
    subject: (email.subject ?? '')
      .replaceAll(/[\p{Cc}\s]+/gu, ' ')
      .trim()
      .slice(0, MOST_SUBJECT)
      .toWellFormed(),
    text: clean(references.length === 0 ? written : withoutHistory(written)),
    references: [...new Set(references)].slice(0, MOST_REFERENCES),
    files: email.attachments.map(toFile),
    contentHash: hashOf(email),
    marks: marksOf(email),
  };
};

/** Text in PostgreSQL, and for people: no NUL, one kind of line end. */
const clean = (text: string): string => text.replaceAll(/\r\n?/g, '\n').replaceAll('\0', '').toWellFormed().trim();

const htmlText = async (html = ''): Promise<string> => {
  if (html === '') return '';
  // Loaded by the few mails that need it.
  const { pageToMarkdown } = await import('../core/page-to-markdown.ts');
  return pageToMarkdown(html.slice(0, MOST_HTML), 'about:blank').markdown;
};

/** A reply that is nothing but history keeps it: better too much than nothing. */
const withoutHistory = (text: string): string => {
  if (text.length > MOST_TRIMMED) return text;
  return new EmailReplyParser().read(text).getVisibleText().trim() || text;
};

const idsOf = (value: string | undefined): readonly string[] =>
  [...(value ?? '').matchAll(/<([^<>\s]+)>/g)].map(([, id = '']) => id).filter((id) => id.length <= MOST_ID);

/** Several authors, or several From fields, leave it open who it is that SPF and DKIM speak of. */
const oneAddress = ({ headers }: Email): string | null => {
  const fields = headers.filter(({ key }) => key === 'from');
  if (fields.length !== 1) return null;
  const found = addressParser(fields[0]?.value ?? '', { flatten: true });
  const address = found.length === 1 ? (found[0]?.address ?? '') : '';
  return /^[^\s@]+@[^\s@]+$/.test(address) ? address.toLowerCase() : null;
};

const toFile = ({ filename, mimeType, content }: Email['attachments'][number]): MailFile => ({
  name: filename ?? (mimeType === 'message/rfc822' ? 'message.eml' : null),
  mediaType: mimeType,
  bytes: typeof content === 'string' ? Buffer.from(content) : new Uint8Array(content),
});

/** Without what mail servers add on the way. */
const hashOf = (email: Email): string => {
  const hash = createHash('sha256').update(
    JSON.stringify([email.from, email.to, email.date, email.subject, email.text, email.html]),
  );
  for (const { filename, content } of email.attachments) {
    hash.update(JSON.stringify(filename)).update(typeof content === 'string' ? content : new Uint8Array(content));
  }
  return hash.digest('hex');
};

const marksOf = ({ headers }: Email): MailMarks => {
  const valuesOf = (name: string): readonly string[] =>
    headers.filter(({ key }) => key === name).map(({ value }) => value);
  return {
    autoSubmitted: valuesOf('auto-submitted')[0] ?? null,
    precedence: valuesOf('precedence')[0] ?? null,
    isFromList: valuesOf('list-id').length > 0,
    loops: valuesOf('x-loop'),
    receivedCount: valuesOf('received').length,
  };
};
