import { isKaziError } from '../../core/errors.ts';

/** What a client is told: the code decides whether it tries again (4xx) or tells its user (5xx). */
export interface SmtpReply {
  readonly code: number;
  readonly text: string;
}

/** Codes of RFC 5321 with those of RFC 3463, for what they say better than "refused". */
const CODES: Readonly<Record<string, readonly [number, string]>> = {
  MAILBOX_NOT_FOUND: [550, '5.1.1'],
  MAIL_SENDER_UNPROVEN: [550, '5.7.26'],
  MAIL_SENDER_REFUSED: [550, '5.7.1'],
  MAIL_FROM_MACHINE: [550, '5.7.1'],
  MAIL_UNREADABLE: [550, '5.6.0'],
  MAIL_TOO_LARGE: [552, '5.3.4'],
  RATE_LIMITED: [450, '4.7.1'],
};
const LATER: readonly [number, string] = [451, '4.3.0'];
const REFUSED: readonly [number, string] = [550, '5.7.0'];

/** Without the details of a fault that is kazi's own. */
export const toSmtpReply = (error: unknown): SmtpReply => {
  if (!isKaziError(error)) return { code: LATER[0], text: `${LATER[1]} Internal error` };
  const [code, status] = CODES[error.code] ?? (error.retryable || error.status >= 500 ? LATER : REFUSED);
  return { code, text: `${status} ${error.message.replaceAll(/[^\x20-\x7e]+/g, ' ')}` };
};
