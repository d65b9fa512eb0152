import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type AuthenticateResult, authenticate, type DNSResolver } from 'mailauth';
import { domainOf } from '../core/domain-of.ts';
import type { SenderProof } from '../core/mail.ts';

const TIMEOUT_MS = 20_000;
const CHUNK_BYTES = 64 * 1024;

/** A mail whose sender is to be proven. */
export interface MailToProve {
  readonly raw: Uint8Array;
  /** The one address in From. */
  readonly from: string;
  /** Of the envelope. */
  readonly sender: string;
  readonly ip: string;
  /** Name that the client gave itself. */
  readonly helo: string;
  /** Name of this server. */
  readonly mta: string;
  /** How names are looked up; as the machine does when absent. */
  readonly resolver?: DNSResolver | undefined;
}

/**
 * Whether a mail comes from the domain that its From names: SPF of the envelope or a DKIM signature passed, for that domain
 * as its DMARC record says; without a record for exactly that domain. Never rejects.
 */
export const proveSender = async (mail: MailToProve, timeoutMs = TIMEOUT_MS): Promise<SenderProof> => {
  const { sender, ip, helo, mta, resolver, raw } = mail;
  let limit: NodeJS.Timeout | undefined;
  const timeout = new Promise<null>((resolve) => {
    limit = setTimeout(() => resolve(null), timeoutMs);
  });
  const checking = authenticate(Readable.from(chunksOf(raw), { objectMode: false }), {
    ...{ sender, ip, helo, mta, disableArc: true, disableBimi: true, rejectRsaSha1: true },
    ...(resolver ? { resolver } : {}),
  }).catch(() => null);
  try {
    const result = await Promise.race([checking, timeout]);
    return result === null ? 'undecided' : judge(result, mail.from);
  } finally {
    clearTimeout(limit);
  }
};

/** In pieces, so that hashing a large mail does not hold up everything else. */
async function* chunksOf(raw: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < raw.length; start += CHUNK_BYTES) {
    await nextTurn();
    yield raw.subarray(start, start + CHUNK_BYTES);
  }
}

const judge = ({ dkim, spf, dmarc }: AuthenticateResult, from: string): SenderProof => {
  // The readers of addresses have to agree on who wrote it, or the proof is about somebody else.
  const [author, ...others] = dkim.headerFrom;
  if (author?.toLowerCase() !== from || others.length > 0 || dkim.fromFields !== 1) return 'unproven';
  // A signature that leaves the end of the body open proves nothing about it.
  const signed = dkim.results.filter(({ status }) => status.result === 'pass' && !status.underSized);
  const domain = domainOf(from);
  const spfDomain = spf && spf.status.result === 'pass' ? spf.domain : null;
  if (dmarc && dmarc.alignment) {
    const { alignment } = dmarc;
    const isSpfAligned = Boolean(alignment.spf.result);
    const isSigned = signed.some(({ status, signingDomain }) => status.aligned && status.aligned === signingDomain);
    if (isSpfAligned || isSigned) return 'proven';
  } else if (spfDomain?.toLowerCase() === domain || signed.some((row) => row.signingDomain?.toLowerCase() === domain)) {
    if (dmarc && dmarc.status.result === 'temperror') return 'undecided';
    return 'proven';
  }
  const results = [
    ...dkim.results.map(({ status }) => status.result),
    spf && spf.status.result,
    dmarc && dmarc.status.result,
  ];
  return results.some((result) => result === 'temperror' || result === 'temperr') ? 'undecided' : 'unproven';
};
