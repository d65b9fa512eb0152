import { createHash } from 'node:crypto';
import EmailReplyParser from 'email-reply-parser';
import { type Attachment, type ParsedMail, simpleParser } from 'mailparser';
import type { IncomingMail, MailFile, MailMarks } from '../core/mail.ts';

const MOST_SUBJECT = 500;
const MOST_ID = 250;
const MOST_REFERENCES = 50;
/** Quoted history is looked for in this much: what is longer is no reply of a person, and the patterns take the square of it. */
const MOST_TRIMMED = 40_000;
/** Of a text in HTML, which takes 2 s for a million characters. */
const MOST_HTML = 1_000_000;

/**
 * Reads a mail. Takes as long as a hostile one makes it, and throws for one that is nested too deeply: run it where it can
 * be ended (mail-reader.ts).
 */
export const readMail = async (raw: Uint8Array): Promise<IncomingMail> => {
  const mail = await simpleParser(Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength), {
    ...{ skipHtmlToText: true, skipTextToHtml: true, skipTextLinks: true, skipImageLinks: true },
  });
  const references = [...idsOf(mail.inReplyTo), ...[mail.references ?? []].flat().flatMap(idsOf).toReversed()];
  const written = (mail.text ?? '').trim() || (await htmlText(mail.html || ''));
  return {
    messageId: idsOf(mail.messageId)[0] ?? null,
    from: oneAddress(mail),
    subject: (mail.subject ?? '')
      .replaceAll(/[\p{Cc}\s]+/gu, ' ')
      .trim()
      .slice(0, MOST_SUBJECT)
      .toWellFormed(),
    text: clean(references.length === 0 ? written : withoutHistory(written)),
    references: [...new Set(references)].slice(0, MOST_REFERENCES),
    files: mail.attachments.map(toFile),
    contentHash: hashOf(mail),
    marks: marksOf(mail),
  };
};

/** Text in PostgreSQL, and for people: no NUL, one kind of line end. */
const clean = (text: string): string => text.replaceAll(/\r\n?/g, '\n').replaceAll('\0', '').toWellFormed().trim();

const htmlText = async (html: string): Promise<string> => {
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
const oneAddress = ({ headerLines, from }: ParsedMail): string | null => {
  const fields = headerLines.filter(({ key }) => key === 'from');
  const found = (from?.value ?? []).flatMap(({ address, group }) =>
    group ? group.map((member) => member.address) : [address],
  );
  const [address = ''] = found;
  if (fields.length !== 1 || found.length !== 1 || !/^[^\s@]+@[^\s@]+$/.test(address)) return null;
  return address.toLowerCase();
};

const toFile = ({ filename, contentType, content }: Attachment): MailFile => ({
  name: filename ?? (contentType === 'message/rfc822' ? 'message.eml' : null),
  mediaType: contentType,
  bytes: content,
});

/** Without what mail servers add on the way. */
const HASHED: ReadonlySet<string> = new Set(['from', 'to', 'cc', 'date', 'subject']);

const hashOf = ({ headerLines, text, html, attachments }: ParsedMail): string => {
  const headers = headerLines.filter(({ key }) => HASHED.has(key)).map(({ line }) => line.replaceAll(/\s+/g, ' '));
  const hash = createHash('sha256').update(JSON.stringify([headers, text, html]));
  for (const { filename, content } of attachments) hash.update(JSON.stringify([filename])).update(content);
  return hash.digest('hex');
};

const marksOf = ({ headerLines }: ParsedMail): MailMarks => {
  const valuesOf = (name: string): readonly string[] =>
    headerLines.filter(({ key }) => key === name).map(({ line }) => line.slice(line.indexOf(':') + 1).trim());
  return {
    autoSubmitted: valuesOf('auto-submitted')[0] ?? null,
    precedence: valuesOf('precedence')[0] ?? null,
    isFromList: valuesOf('list-id').length > 0,
    loops: valuesOf('x-loop'),
    receivedCount: valuesOf('received').length,
  };
};
