import type { OutgoingMail } from '../core/mail.ts';

/** What a relay said to a mail. */
export interface MailAnswer {
  readonly isSuccess: boolean;
  /** The code of its reply; null without one. */
  readonly status: number | null;
  /** Its words, or why there are none. */
  readonly text: string;
  /** True when it will say the same however often it is asked: the address or the mail is refused for good. */
  readonly isFinal: boolean;
}

/** Hands mails to whoever carries them on. */
export interface Mailer {
  /** Every outcome is an answer; rejects only when the signal is aborted. */
  readonly send: (
    mail: OutgoingMail,
    options: { readonly signal: AbortSignal; readonly timeoutMs: number },
  ) => Promise<MailAnswer>;
  readonly close: () => void;
}
