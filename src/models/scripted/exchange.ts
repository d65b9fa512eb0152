import { once } from 'node:events';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { type ChosenTurn, findPlace, turnAt } from './choose-turn.ts';
import { describeFault, refusalOf, unknownModel } from './fault-answer.ts';
import type { FaultCounter } from './fault-counter.ts';
import { fillTurn } from './fill-turn.ts';
import { newId } from './new-id.ts';
import type { Prompt } from './prompt.ts';
import { readBody } from './read-body.ts';
import type { Note } from './request-log.ts';
import type { Script, ScriptedFault } from './script.ts';
import { encodeFrame, sendStream } from './send-answer.ts';
import { WireError } from './wire-error.ts';
import type { Answer, WireFormat } from './wire-format.ts';

/** One request of a model and the connection that waits for its answer. */
export interface Exchange {
  readonly script: Script;
  readonly requiredKey: string | null;
  readonly faults: FaultCounter;
  readonly format: WireFormat;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly note: Note;
  readonly keepBody: boolean;
  /** Aborted when the connection is gone. */
  readonly signal: AbortSignal;
}

/** Answers a request of a model, or sends the error that its provider would. Rejects only when the connection is gone. */
export const answerExchange = async (exchange: Exchange): Promise<void> => {
  try {
    await answer(exchange);
  } catch (error) {
    const { request, response } = exchange;
    if (response.destroyed || (request.destroyed && !request.complete)) throw error;
    const known = error instanceof WireError ? error : new WireError(500, `The fake model failed: ${String(error)}`);
    exchange.note({ result: 'refused', fault: known.message, status: known.status });
    sendError(exchange, known);
  }
};

const answer = async (exchange: Exchange): Promise<void> => {
  const { script, request, response, format, note, signal } = exchange;
  checkKey(exchange);
  const body = await readBody(request);
  if (exchange.keepBody) note({ body });
  const prompt = format.readPrompt(body, request.headers);
  const { model, isStream, messageCount } = prompt;
  note({ model, isStream, messageCount });
  if (script.models !== undefined && !script.models.includes(model)) throw unknownModel(model, format);
  const place = findPlace(script, prompt);
  note({ conversation: place.conversation.name, turn: place.turnIndex });
  const chosen = turnAt(place, prompt);
  const fault = exchange.faults.next(chosen, prompt);
  if (fault !== null) note({ fault: describeFault(fault) });
  const { delayMs = 0 } = chosen.turn;
  if (delayMs > 0) await delay(delayMs, undefined, { signal });
  if (fault?.hang === true) return await hang(exchange);
  const refusal = fault === null ? null : refusalOf(fault, prompt, format);
  if (refusal !== null) {
    note({ result: 'fault', status: refusal.status });
    return sendError(exchange, refusal);
  }
  if (!(await sendTurn({ exchange, chosen, prompt, fault }))) return;
  const isSent = once(response, 'finish', { signal });
  response.end();
  await isSent;
  note({ result: fault === null ? 'answered' : 'fault' });
};

const checkKey = ({ requiredKey, format, request }: Exchange): void => {
  const key = format.keyOf(request.headers);
  if (requiredKey === null || key === requiredKey) return;
  if (format.name === 'anthropic-messages')
    throw new WireError(401, key === null ? 'x-api-key header is required' : 'invalid x-api-key');
  throw new WireError(
    401,
    key === null
      ? "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
      : 'Incorrect API key provided. The fake model expects the requiredKey of its script.',
  );
};

interface Sending {
  readonly exchange: Exchange;
  readonly chosen: ChosenTurn;
  readonly prompt: Prompt;
  readonly fault: ScriptedFault | null;
}

/** Sends a turn up to the fault that ends it. Resolves to true when the response is only to be ended. */
const sendTurn = async ({ exchange, chosen, prompt, fault }: Sending): Promise<boolean> => {
  const filled = fillTurn(chosen, prompt);
  exchange.note({ status: 200 });
  const stopAfter = fault?.cutAfterCharacters ?? fault?.hangAfterCharacters ?? fault?.errorAfterCharacters ?? null;
  const isWhole = prompt.isStream
    ? await sendEvents({ exchange, chosen, filled, stopAfter })
    : sendWhole({ exchange, filled, stopAfter });
  if (isWhole) return true;
  if (fault?.hangAfterCharacters !== undefined) await hang(exchange);
  if (fault?.cutAfterCharacters !== undefined) {
    exchange.note({ result: 'fault' });
    // What was written still arrives; then the connection ends in the middle of the body.
    exchange.response.socket?.destroySoon();
    return false;
  }
  const error = new WireError(500, fault?.message ?? 'Overloaded', { code: fault?.code ?? null });
  exchange.response.write(encodeFrame(exchange.format.streamError(error)));
  return true;
};

interface Output {
  readonly exchange: Exchange;
  readonly filled: Answer;
  readonly stopAfter: number | null;
}

const sendEvents = async ({
  exchange,
  chosen,
  filled,
  stopAfter,
}: Output & Pick<Sending, 'chosen'>): Promise<boolean> => {
  const { response, format, signal } = exchange;
  const { tokenDelayMs = 0, chunkCharacters } = chosen.turn;
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    ...format.headers(newId('req_')),
  });
  // A client learns that its stream has begun before the first, perhaps slow, token.
  response.flushHeaders();
  const pace = { tokenDelayMs, chunkCharacters, stopAfter };
  return await sendStream(response, (pieces) => format.stream(filled, pieces), { pace, signal });
};

const sendWhole = ({ exchange: { response, format }, filled, stopAfter }: Output): boolean => {
  const body = Buffer.from(JSON.stringify(format.answer(filled)));
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': body.length,
    ...format.headers(newId('req_')),
  });
  response.write(stopAfter === null ? body : body.subarray(0, Math.min(stopAfter, body.length - 1)));
  return stopAfter === null;
};

/** Keeps the connection open until it is gone; then rejects with that. */
const hang = async ({ signal, note }: Exchange): Promise<never> =>
  await new Promise((_, reject) => {
    const leave = (): void => {
      note({ result: 'fault' });
      reject(signal.reason instanceof Error ? signal.reason : new Error('gone'));
    };
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
  });

const sendError = ({ request, response, format }: Exchange, error: WireError): void => {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  // What the client still sends of a body that was refused is thrown away, so that it gets to read the answer.
  request.resume();
  response.writeHead(error.status, errorHeaders(format, error)).end(JSON.stringify(format.error(error)));
};

const errorHeaders = (format: WireFormat, { status, retryAfterSeconds }: WireError): OutgoingHttpHeaders => {
  const headers: OutgoingHttpHeaders = { 'content-type': 'application/json', ...format.headers(newId('req_')) };
  if (status === 413) headers['connection'] = 'close';
  if (retryAfterSeconds === null) return headers;
  headers['retry-after'] = String(Math.ceil(retryAfterSeconds));
  if (format.name !== 'anthropic-messages') headers['retry-after-ms'] = String(Math.round(retryAfterSeconds * 1000));
  return headers;
};
