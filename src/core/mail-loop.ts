import { domainOf } from './domain-of.ts';
import type { MailDelivery } from './mail.ts';
import { isAnswerId } from './mail-ids.ts';

/** More stations than any mail passes on its way (Postfix has the same limit). */
const MOST_STATIONS = 50;
const BULK: ReadonlySet<string> = new Set(['bulk', 'list', 'junk', 'auto_reply']);

/**
 * Why a mail must not be answered, because a machine wrote it (RFC 3834) or it has been here before; null for one of a
 * person. Answering such a mail is how two machines write to each other for ever.
 */
export const loopReasonOf = ({ envelope, mail }: MailDelivery, domain: string): string | null => {
  const { marks } = mail;
  const automatic = firstWord(marks.autoSubmitted);
  if (envelope.sender === '') return 'its return path is empty';
  if (automatic !== '' && automatic !== 'no') return `it says "Auto-Submitted: ${automatic.slice(0, 40)}"`;
  if (BULK.has(firstWord(marks.precedence))) return `it says "Precedence: ${firstWord(marks.precedence)}"`;
  if (marks.isFromList) return 'it comes from a mailing list';
  if (marks.loops.some((value) => value.toLowerCase().includes(domain))) return 'it was sent from here';
  if (mail.messageId !== null && isAnswerId(mail.messageId, domain)) return 'it was sent from here';
  if (mail.from !== null && domainOf(mail.from) === domain) return 'it was sent from here';
  if (marks.receivedCount > MOST_STATIONS) return `it has passed ${marks.receivedCount} mail servers`;
  return null;
};

const firstWord = (value: string | null): string =>
  (value ?? '')
    .trim()
    .toLowerCase()
    .split(/[\s;(]/)[0] ?? '';
