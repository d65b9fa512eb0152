import { domainOf } from './domain-of.ts';

/** The part of a mail address that names a worker: its ULID and what cannot be guessed of it. */
export interface WorkerMailbox {
  /** In upper case, as at the end of the worker's id. */
  readonly ulid: string;
  readonly mailToken: string;
}

const WORKER = /^(?<ulid>[0-9a-hjkmnp-tv-z]{26})-(?<token>[a-z0-9]{8})$/;
/** Local part of the address that all workers share; which one is meant is told by the mail that is answered. */
const SHARED_MAILBOX = 'kazi';

/** Where mail to a worker goes: the same for all its life. */
export const workerMailAddress = (
  worker: { readonly id: string; readonly mailToken: string },
  domain: string,
): string => `${worker.id.slice(-26).toLowerCase()}-${worker.mailToken}@${domain}`;

/** The worker whose address begins so; null for a local part that names none. */
export const readWorkerMailbox = (localPart: string): WorkerMailbox | null => {
  const { ulid, token } = WORKER.exec(localPart.toLowerCase())?.groups ?? {};
  return ulid === undefined || token === undefined ? null : { ulid: ulid.toUpperCase(), mailToken: token };
};

/**
 * What an address of this server stands for: a worker (anything may follow after a `+`, and `kazi+` may stand before), or
 * `shared` for kazi@DOMAIN; null for one that is nobody's.
 */
export const readRecipient = (address: string, domain: string): WorkerMailbox | 'shared' | null => {
  if (domainOf(address) !== domain) return null;
  const localPart = address.slice(0, address.lastIndexOf('@')).toLowerCase();
  const [name = '', ...details] = localPart.split('+');
  if (name !== SHARED_MAILBOX) return readWorkerMailbox(name);
  return (details[0] === undefined ? null : readWorkerMailbox(details[0])) ?? 'shared';
};
