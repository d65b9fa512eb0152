import type { IncomingMail } from './mail.ts';

/** Most of an instruction (workers API, section 4). */
const MOST_CHARACTERS = 100_000;
const MOST_LISTED = 100;
const REPLY = /^\s*(?:re|aw|sv|antw|vs|odp|res?)(?:\[\d+\])?\s*:/i;

/** The instruction that a mail is, and what of it is too long for one. */
export interface MailInput {
  readonly input: string;
  /** The whole text, to be kept as a file; null where the input holds it. */
  readonly overlong: string | null;
}

/**
 * Subject, text and paths of the files. The lines that are not the sender's text begin with `#`: a heading where a model
 * reads it, a comment where a shell does. The subject of a reply is left out, because it is that of an earlier mail.
 */
export const toMailInput = (
  { subject, text, references }: Pick<IncomingMail, 'subject' | 'text' | 'references'>,
  { paths, overlongPath }: { readonly paths: readonly string[]; readonly overlongPath: string },
): MailInput => {
  const isReply = references.length > 0 || REPLY.test(subject);
  const heading = subject === '' || (isReply && text !== '') ? [] : [`# ${subject}`];
  const listed = paths.slice(0, MOST_LISTED);
  const left = paths.length - listed.length;
  const files = [...listed.map((path) => `# Attached: ${path}`), ...(left > 0 ? [`# and ${left} more files`] : [])];
  const join = (parts: readonly string[]): string => parts.filter((part) => part !== '').join('\n\n');
  const whole = join([...heading, text, files.join('\n')]);
  if (whole.length <= MOST_CHARACTERS) return { input: whole || '(an empty mail)', overlong: null };
  const note = `# The text goes on; all of it is in ${overlongPath}`;
  const room = MOST_CHARACTERS - join([...heading, note, files.join('\n')]).length - 10;
  return {
    input: join([...heading, text.slice(0, room).toWellFormed(), note, files.join('\n')]),
    overlong: text,
  };
};
