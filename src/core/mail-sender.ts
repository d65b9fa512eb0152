import { domainOf } from './domain-of.ts';
import { KaziError } from './errors.ts';

/** Senders that one list may name. */
export const MOST_SENDERS = 100;
const MOST_CHARACTERS = 320;
/** One address, or `*@` for all of a domain. No spaces, quotes or lists: what does not look like an address matches nothing. */
const SENDER = /^(?:\*|[^\s@<>"(),:;[\]\\*]+)@[^\s@<>"(),:;[\]\\*]+$/;

/** The list as it is kept: in lower case, each once, sorted. Throws INVALID_REQUEST. */
export const normalizeSenders = (senders: readonly string[]): readonly string[] => {
  if (senders.length > MOST_SENDERS) {
    const message = `Found ${senders.length} senders, expected at most ${MOST_SENDERS}. A whole domain is one: *@example.org.`;
    throw new KaziError('INVALID_REQUEST', { message });
  }
  const bad = senders.find((sender) => !SENDER.test(sender) || sender.length > MOST_CHARACTERS);
  if (bad !== undefined) {
    const message = `Found the sender "${bad.slice(0, 80)}", expected an address such as alice@example.org, or *@example.org for all of a domain.`;
    throw new KaziError('INVALID_REQUEST', { message });
  }
  return [...new Set(senders.map((sender) => sender.toLowerCase()))].toSorted();
};

/** True when the list names the address, which is in lower case, or its domain. An empty list names nobody. */
export const isAllowedSender = (address: string, senders: readonly string[]): boolean =>
  senders.includes(address) || senders.includes(`*@${domainOf(address)}`);
