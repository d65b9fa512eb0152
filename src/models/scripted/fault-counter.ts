import { createHash } from 'node:crypto';
import type { ChosenTurn } from './choose-turn.ts';
import type { Prompt } from './prompt.ts';
import type { ScriptedFault } from './script.ts';

/**
 * Counts the tries of turns that have faults: the only thing that the server remembers from request to request. A history
 * counts for itself, so conversations with different texts, or with different tool call ids, fail each on their own.
 */
export class FaultCounter {
  readonly #tries = new Map<string, number>();

  /** The fault of this try; null when the turn's faults have all been served. */
  next({ conversation, turnIndex, turn }: ChosenTurn, prompt: Prompt): ScriptedFault | null {
    const { faults = [] } = turn;
    if (faults.length === 0) return null;
    const key = createHash('sha256')
      .update(JSON.stringify([conversation.name, turnIndex, prompt.model, prompt.after, prompt.entries]))
      .digest('base64');
    const tries = this.#tries.get(key) ?? 0;
    const fault = faults[tries];
    if (fault === undefined) return null;
    this.#tries.set(key, tries + 1);
    return fault;
  }
}
