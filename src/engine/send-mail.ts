import { isKaziError } from '../core/errors.ts';
import type { MailThread, OutgoingMail } from '../core/mail.ts';
import type { ClaimedDelivery } from '../core/webhook-delivery.ts';
import { deliveryBounds } from '../core/webhook-retry.ts';
import type { Mailer } from '../mail/mailer.ts';
import type { SendResult } from './send-webhook.ts';

export interface SendMailOptions {
  /** Null = this node has no relay. */
  readonly mailer: Mailer | null;
  /** Gives the answer of a job that came by mail. */
  readonly renderMail: (delivery: ClaimedDelivery, thread: MailThread) => Promise<OutgoingMail>;
}

/** Makes one attempt to answer a mail. Every outcome is a result; rejects only when the signal is aborted, or the database is away. */
export const sendMail = async (
  { mailer, renderMail }: SendMailOptions,
  delivery: ClaimedDelivery & { readonly thread: MailThread },
  signal: AbortSignal,
): Promise<SendResult> => {
  const startedAtMs = performance.now();
  const result = (
    part: Pick<SendResult, 'isSuccess' | 'status' | 'error' | 'responseBody' | 'isFinal'>,
  ): SendResult => ({
    ...part,
    retryAfter: null,
    durationMs: performance.now() - startedAtMs,
  });
  const failed = (error: string): SendResult =>
    result({ isSuccess: false, status: null, error, responseBody: null, isFinal: false });
  if (mailer === null) return failed('No mail relay: set KAZI_SMTP_RELAY_URL');
  try {
    const mail = await renderMail(delivery, delivery.thread);
    const answer = await mailer.send(mail, { signal, timeoutMs: deliveryBounds(delivery.webhook).timeoutMs });
    const { isSuccess, status, text, isFinal } = answer;
    return result({
      isSuccess,
      status,
      error: isSuccess ? null : text,
      responseBody: status === null ? null : text,
      isFinal,
    });
  } catch (error) {
    if (isKaziError(error, 'BLOB_NOT_FOUND')) return failed(error.message);
    throw error;
  }
};
