import type { IncomingHttpHeaders } from 'node:http';
import { findPlace, turnAt } from '../choose-turn.ts';
import { describeFault, refusalOf, unknownModel } from '../fault-answer.ts';
import type { FaultCounter } from '../fault-counter.ts';
import { fillTurn } from '../fill-turn.ts';
import type { Note } from '../request-log.ts';
import type { Script } from '../script.ts';
import { WireError } from '../wire-error.ts';
import type { WireFormat } from '../wire-format.ts';

/** What became of one request of a batch. */
export type BatchItemResult =
  | { readonly kind: 'answered'; readonly status: number; readonly body: unknown }
  | { readonly kind: 'expired' | 'canceled' };

interface Parts {
  readonly script: Script;
  readonly faults: FaultCounter;
  readonly format: WireFormat;
  readonly headers: IncomingHttpHeaders;
  readonly note: Note;
}

/** The answer that a request would have got alone, streaming apart; errors are answers, too. */
export const answerRequest = (body: unknown, parts: Parts): BatchItemResult => {
  try {
    return answer(body, parts);
  } catch (error) {
    const known = error instanceof WireError ? error : new WireError(500, `The fake model failed: ${String(error)}`);
    parts.note({ result: 'refused', fault: known.message, status: known.status });
    return refused(known, parts);
  }
};

const answer = (body: unknown, parts: Parts): BatchItemResult => {
  const { script, faults, format, headers, note } = parts;
  const prompt = format.readPrompt(body, headers);
  const { model, isStream, messageCount } = prompt;
  note({ model, isStream, messageCount });
  if (isStream) throw new WireError(400, 'Streaming is not supported for requests of a batch.');
  if (script.models !== undefined && !script.models.includes(model)) throw unknownModel(model, format);
  const place = findPlace(script, prompt);
  note({ conversation: place.conversation.name, turn: place.turnIndex });
  const chosen = turnAt(place, prompt);
  const fault = faults.next(chosen, prompt);
  if (fault !== null) note({ fault: describeFault(fault) });
  if (fault?.expired === true) {
    note({ result: 'fault' });
    return { kind: 'expired' };
  }
  // A connection of its own is what the other faults break, and here there is none.
  const refusal = fault === null ? null : (refusalOf(fault, prompt, format) ?? new WireError(500, 'Internal error'));
  if (refusal !== null) {
    note({ result: 'fault', status: refusal.status });
    return refused(refusal, parts);
  }
  note({ result: 'answered', status: 200 });
  return { kind: 'answered', status: 200, body: format.answer(fillTurn(chosen, prompt)) };
};

const refused = (error: WireError, { format }: Parts): BatchItemResult => ({
  kind: 'answered',
  status: error.status,
  body: format.error(error),
});
