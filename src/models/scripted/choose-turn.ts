import type { Prompt } from './prompt.ts';
import type { Script, ScriptedConversation, ScriptedTurn } from './script.ts';
import { WireError } from './wire-error.ts';

/** The turn that a request asks for. */
export interface ChosenTurn {
  readonly conversation: ScriptedConversation;
  readonly conversationIndex: number;
  /** From 0; beyond the written turns when the last one repeats. */
  readonly turnIndex: number;
  readonly turn: ScriptedTurn;
}

/** Where a conversation stands in a request. */
export interface Place {
  readonly conversation: ScriptedConversation;
  readonly conversationIndex: number;
  readonly turnIndex: number;
}

/**
 * Which conversation a request belongs to and how far it is, out of the request alone: whoever asks again gets the same
 * turn. The conversation whose text came last wins, then the order of the script. Throws WireError when none matches.
 */
export const findPlace = (script: Script, prompt: Prompt): Place => {
  const places = script.conversations.flatMap((conversation, conversationIndex) => {
    const start = startOf(conversation, prompt);
    return start === null ? [] : [{ conversation, conversationIndex, start }];
  });
  const best = places.reduce<(typeof places)[number] | null>(
    (found, place) => (found === null || place.start > found.start ? place : found),
    null,
  );
  const { after } = prompt;
  const stored = after === null ? undefined : script.conversations[after.conversationIndex];
  if (after !== null && stored !== undefined && (best === null || best.start < 0)) {
    const turnIndex = after.turnIndex + 1 + countTurns(prompt, 0);
    return { conversation: stored, conversationIndex: after.conversationIndex, turnIndex };
  }
  if (best === null) throw new WireError(400, describeNoMatch(script, prompt), { code: 'script_mismatch' });
  const { conversation, conversationIndex, start } = best;
  return { conversation, conversationIndex, turnIndex: countTurns(prompt, start + 1) };
};

/** The turn at a place. Throws WireError when the conversation is over, or when the turn expects something else. */
export const turnAt = (place: Place, prompt: Prompt): ChosenTurn => {
  const { conversation, turnIndex } = place;
  const { name, turns, repeatLast = false } = conversation;
  const turn = turns[turnIndex] ?? (repeatLast ? turns.at(-1) : undefined);
  if (turn === undefined) {
    const message = `The script's conversation "${name}" has ${turns.length} turns, found a request for turn ${turnIndex + 1}; add turns, or set "repeatLast": true.`;
    throw new WireError(400, message, { code: 'script_mismatch' });
  }
  const fault = expectationFault(turn, prompt);
  if (fault === null) return { ...place, turn };
  throw new WireError(400, `Turn ${turnIndex + 1} of the script's conversation "${name}": ${fault}`, {
    code: 'script_mismatch',
  });
};

/** Index of the entry that starts the conversation; -1 when it is the whole history; null when it does not match. */
const startOf = ({ when = {} }: ScriptedConversation, prompt: Prompt): number | null => {
  const { contains, systemContains, model } = when;
  if (model !== undefined && model !== prompt.model) return null;
  if (systemContains !== undefined && !prompt.system.includes(systemContains)) return null;
  if (contains === undefined) return -1;
  const start = prompt.entries.findLastIndex(({ role, text }) => role === 'user' && text.includes(contains));
  return start === -1 ? null : start;
};

const countTurns = ({ entries }: Prompt, from: number): number =>
  entries.slice(from).filter(({ role }) => role === 'assistant').length;

const expectationFault = ({ expect = {} }: ScriptedTurn, prompt: Prompt): string | null => {
  const { lastToolResultContains, systemContains, offersTool } = expect;
  if (lastToolResultContains !== undefined) {
    const last = prompt.entries.findLast(({ role }) => role === 'tool');
    if (last === undefined) return `found no tool result, expected one that contains ${quote(lastToolResultContains)}.`;
    if (!last.text.includes(lastToolResultContains)) {
      return `found the last tool result ${quote(last.text)}, expected it to contain ${quote(lastToolResultContains)}.`;
    }
  }
  if (systemContains !== undefined && !prompt.system.includes(systemContains)) {
    return `found the system text ${quote(prompt.system)}, expected it to contain ${quote(systemContains)}.`;
  }
  if (offersTool !== undefined && !prompt.toolNames.includes(offersTool)) {
    return `found the tools ${prompt.toolNames.map(quote).join(', ') || '(none)'}, expected "${offersTool}" among them.`;
  }
  return null;
};

const describeNoMatch = ({ conversations }: Script, prompt: Prompt): string => {
  const found = prompt.entries
    .filter(({ role }) => role === 'user')
    .map(({ text }) => quote(text))
    .slice(-3);
  const wanted = conversations.slice(0, 5).map(({ name, when = {} }) => `"${name}" (${JSON.stringify(when)})`);
  return `No conversation of the script matches model "${prompt.model}" with the user messages ${found.join(', ') || '(none)'}; expected one of ${wanted.join(', ')}${conversations.length > 5 ? ', …' : ''}.`;
};

const quote = (text: string): string => JSON.stringify(text.length <= 300 ? text : `${text.slice(0, 300)}…`);
