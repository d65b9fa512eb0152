import { isKaziError } from '../core/errors.ts';

const TEXTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Connection refused',
  ECONNRESET: 'Connection closed without an answer',
  EPIPE: 'Connection closed without an answer',
  UND_ERR_SOCKET: 'Connection closed without an answer',
  ENOTFOUND: 'Host not found',
  EAI_AGAIN: 'Host not found',
  EHOSTUNREACH: 'Host not reachable',
  ENETUNREACH: 'Host not reachable',
  ETIMEDOUT: 'Connecting timed out',
  UND_ERR_CONNECT_TIMEOUT: 'Connecting timed out',
  UND_ERR_HEADERS_TIMEOUT: 'No answer in time',
  UND_ERR_HEADERS_OVERFLOW: 'The headers of the answer are too large',
};

/** Why no answer came, in words for whoever reads the log of deliveries: no stack, no address that was not theirs. */
export const describeSendFailure = (error: unknown): string => {
  if (isKaziError(error, 'EGRESS_REFUSED')) return `Webhook URL not allowed: ${String(error.details['reason'])}`;
  const code = codeOf(error);
  return TEXTS[code] ?? (code === '' ? 'The request failed' : `The request failed: ${code}`);
};

/** Of the innermost cause that has one: fetch wraps what the network said. */
const codeOf = (error: unknown): string => {
  if (!(error instanceof Error)) return '';
  const first = error instanceof AggregateError ? codeOf(error.errors[0]) : '';
  const inner = first || codeOf(error.cause);
  if (inner !== '') return inner;
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
};
