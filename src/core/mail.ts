/** A file that came with a mail. */
export interface MailFile {
  /** As its sender called it: anything, or nothing. */
  readonly name: string | null;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** What of a mail's headers tells machines from people (core/mail-loop.ts). Absent headers are null. */
export interface MailMarks {
  readonly autoSubmitted: string | null;
  readonly precedence: string | null;
  readonly isFromList: boolean;
  /** Values of X-Loop. */
  readonly loops: readonly string[];
  readonly receivedCount: number;
}

/** A mail, understood. Nothing that it says of itself is proven. */
export interface IncomingMail {
  /** Without angle brackets. */
  readonly messageId: string | null;
  /** The one address in From, in lower case; null when there is none, or several. */
  readonly from: string | null;
  /** In one line. */
  readonly subject: string;
  /** What its sender wrote, without the history that a reply quotes. */
  readonly text: string;
  /** Ids of the mails that it answers, the direct one first. */
  readonly references: readonly string[];
  readonly files: readonly MailFile[];
  /** The same for each copy of it, whatever way it took: SHA-256 of its content, in hex. */
  readonly contentHash: string;
  readonly marks: MailMarks;
}

/** Who handed a mail over, and to whom; addresses in lower case. */
export interface MailEnvelope {
  /** Empty for a report of a mail system. */
  readonly sender: string;
  readonly recipients: readonly string[];
}

/**
 * Whether the address in From is the sender's own. `proven`: SPF or DKIM passed for its domain, or the mail came from a
 * trusted network; `undecided`: DNS did not answer.
 */
export type SenderProof = 'proven' | 'unproven' | 'undecided';

/** A mail on its way in. */
export interface MailDelivery {
  readonly envelope: MailEnvelope;
  readonly mail: IncomingMail;
  readonly proof: SenderProof;
}

/** A mail on its way out. */
export interface OutgoingMail {
  /** Without angle brackets; the same in every attempt. */
  readonly messageId: string;
  readonly from: { readonly name: string; readonly address: string };
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly inReplyTo: string | null;
  readonly references: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly attachments: readonly {
    readonly name: string;
    readonly mediaType: string;
    readonly read: () => Promise<AsyncIterable<Uint8Array>>;
  }[];
}

/** What is kept of a mail for its answer, with the job that it made. */
export interface MailThread {
  readonly to: string;
  /** The worker's address, under which it was reached. */
  readonly from: string;
  readonly subject: string;
  /** Null where the mail had none: then the answer begins a thread. */
  readonly message_id: string | null;
  readonly references: readonly string[];
  /** Where its files are in the workspace. */
  readonly folder: string;
}
