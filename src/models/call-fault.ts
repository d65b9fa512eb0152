import { AISDKError, APICallError, StreamProviderError } from 'ai';
import { ModelCallError, type ModelCallFault } from '../core/model-call-error.ts';
import { retryAfterMs } from './retry-after.ts';

/** Who was called, and what an operator can do when it fails. */
export interface FaultContext {
  readonly provider: string;
  readonly model: string;
  /** The variable that holds the provider's key, or its URL where it has no key. */
  readonly keyVariable: string;
  /** Never repeated in a message; null when there is none. */
  readonly key: string | null;
  readonly idleTimeoutMs: number;
}

/** What a provider said of a failure, however it said it. */
interface Refusal {
  readonly status: number | null;
  /** Codes, types and texts together, in lower case, to look for known words. */
  readonly words: string;
  readonly text: string;
  readonly retryAfterMs: number | null;
}

const MAX_TEXT_CHARACTERS = 500;

/** Words of OpenAI, Anthropic, Google, llama.cpp, vLLM and Ollama for a prompt that does not fit. */
const OVERFLOW =
  /context_length_exceeded|context_window_exceeded|exceed_context_size|string_above_max_length|prompt is too long|input is too long|maximum context length|maximum prompt length|exceeds? the (available |model'?s? )?context|exceeds? the maximum number of tokens|input token count.*exceeds|exceeds? the context window|context window (exceeded|limit)|longer than the (model'?s? )?(maximum )?context|exceed context limit|too many (input )?tokens|request_too_large/;
/** Paid for by nobody: asking again does not help, though some say it with 429. */
const NO_CREDIT = /insufficient_quota|billing_hard_limit|credit balance is too low|billing_error/;
const BAD_KEY = /api_key_invalid|api key not valid|invalid_api_key|authentication_error|permission_error/;
const NO_SUCH_MODEL = /model_not_found|not_found_error|is not found for api version/;
const TOO_FAST = /rate_limit|resource_exhausted|too many requests/;
const OUT_OF_ORDER =
  /overloaded|server_error|api_error|timeout_error|internal server error|service unavailable|"unavailable"/;

/** Connections that ended before the answer did. A server that could not be reached at all has other codes. */
const CUT = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'ERR_STREAM_PREMATURE_CLOSE']);
const IDLE = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);

/**
 * The ModelCallError of whatever a call threw; errors that are neither the provider's nor the SDK's come back as they
 * are. It has no cause where the SDK's error holds the whole request, which must not reach a log.
 */
export const callFault = (error: unknown, context: FaultContext): unknown => {
  const network = findNetworkCode(error);
  if (network !== null) return networkFault(error, network, context);
  if (error instanceof ModelCallError) return makeError(error.fault, error.message, context);
  const refusal = readRefusal(error);
  if (refusal !== null) return refusalFault(refusal, context);
  if (isBrokenStream(error)) return makeError('interrupted', `the stream broke: ${messageOf(error)}`, context);
  if (!AISDKError.isInstance(error)) return error;
  // What the SDK refused before it asked the provider, such as a message that this provider cannot take.
  return makeError('bad_request', `the request cannot be sent: ${messageOf(error)}`, context);
};

const refusalFault = (refusal: Refusal, context: FaultContext): ModelCallError => {
  const fault = faultOf(refusal);
  const status = refusal.status === null ? '' : ` (${refusal.status})`;
  const { model, keyVariable } = context;
  const sentences: Readonly<Record<ModelCallFault, string>> = {
    unauthorized: `refused the API key${status}: ${refusal.text} Set ${keyVariable}.`,
    unknown_model: `does not know the model "${model}"${status}: ${refusal.text} Correct the model's name, or the address of the provider.`,
    bad_request: `refused the request for "${model}"${status}: ${refusal.text}`,
    context_overflow: `found the conversation too long for "${model}"${status}: ${refusal.text}`,
    rate_limited: `limits the rate of calls of "${model}"${status}: ${refusal.text}`,
    unavailable: `cannot answer for "${model}" now${status}: ${refusal.text}`,
    interrupted: `broke off the answer of "${model}"${status}: ${refusal.text}`,
  };
  return makeError(fault, sentences[fault], context, refusal.retryAfterMs);
};

const faultOf = ({ status, words }: Refusal): ModelCallFault => {
  if ((status === null || status === 400 || status === 413 || status === 422) && OVERFLOW.test(words)) {
    return 'context_overflow';
  }
  if (NO_CREDIT.test(words)) return 'bad_request';
  if (status === 401 || status === 403 || BAD_KEY.test(words)) return 'unauthorized';
  if (status === 404 || NO_SUCH_MODEL.test(words)) return 'unknown_model';
  if (status === 413) return 'context_overflow';
  if (status === 429) return 'rate_limited';
  if (status !== null && (status >= 500 || status === 408 || status === 425)) return 'unavailable';
  if (status !== null) return 'bad_request';
  if (TOO_FAST.test(words)) return 'rate_limited';
  if (OUT_OF_ORDER.test(words)) return 'unavailable';
  return /invalid_request_error|invalid_prompt|invalid_argument/.test(words) ? 'bad_request' : 'interrupted';
};

const networkFault = (error: unknown, code: string, context: FaultContext): ModelCallError => {
  if (IDLE.has(code)) {
    return makeError('interrupted', `sent nothing for ${context.idleTimeoutMs / 1000} s`, context);
  }
  const text = innermostMessage(error);
  if (CUT.has(code)) return makeError('interrupted', `closed the connection before the answer ended: ${text}`, context);
  return makeError('unavailable', `cannot be reached: ${text}`, context);
};

/** An answer of HTTP, an error inside a stream, or null. */
const readRefusal = (error: unknown): Refusal | null => {
  if (APICallError.isInstance(error)) {
    // A body that did not parse comes with the status of success.
    if (error.statusCode === undefined || error.statusCode < 300) return null;
    const body = error.responseBody ?? '';
    const text = error.message === '' ? body : error.message;
    return {
      status: error.statusCode,
      words: `${body} ${error.message}`.toLowerCase(),
      text,
      retryAfterMs: retryAfterMs(error.responseHeaders ?? {}, body),
    };
  }
  if (!StreamProviderError.isInstance(error)) return null;
  const { statusCode, type, code, message } = error;
  const words = `${type ?? ''} ${code ?? ''} ${message}`.toLowerCase();
  return { status: statusCode ?? null, words, text: message, retryAfterMs: null };
};

const isBrokenStream = (error: unknown): boolean =>
  (error instanceof TypeError && /^(terminated|fetch failed)$/.test(error.message)) ||
  (AISDKError.isInstance(error) &&
    /AI_(JSONParseError|TypeValidationError|InvalidResponseDataError|EmptyResponseBodyError|NoContentGeneratedError|APICallError)$/.test(
      error.name,
    ));

const findNetworkCode = (error: unknown): string | null => {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof AggregateError && at.errors.length > 0) return findNetworkCode(at.errors[0]);
    if (
      'code' in at &&
      typeof at.code === 'string' &&
      /^(E[A-Z]|UND_ERR_|ERR_(SSL|TLS|STREAM)|CERT_|DEPTH_|SELF_SIGNED|UNABLE_)/.test(at.code)
    ) {
      return at.code;
    }
  }
  return null;
};

const innermostMessage = (error: unknown): string => {
  let message = messageOf(error);
  for (let at = error; at instanceof Error; at = at.cause) {
    message =
      at instanceof AggregateError && at.message === '' ? at.errors.map(messageOf).join('; ') : at.message || message;
  }
  return message;
};

const makeError = (
  fault: ModelCallFault,
  sentence: string,
  { provider, key }: FaultContext,
  waitMs: number | null = null,
): ModelCallError => {
  // Hidden before it is cut: half a key is a key to whoever knows the rest.
  const safe = hideKeys(sentence, key);
  const short = safe.length > MAX_TEXT_CHARACTERS ? `${safe.slice(0, MAX_TEXT_CHARACTERS)}…` : safe;
  return new ModelCallError(`Provider "${provider}" ${short}`, { fault, retryAfterMs: waitMs });
};

/** Providers repeat a wrong key, whole or in part. */
const hideKeys = (text: string, key: string | null): string =>
  (key === null || key === '' ? text : text.replaceAll(key, '***')).replaceAll(/\b(sk|AIza)[-_\w*]{6,}/g, '***');

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
