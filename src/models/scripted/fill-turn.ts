import type { z } from 'zod';
import type { TokenUsage } from '../../core/model-call.ts';
import type { ChosenTurn } from './choose-turn.ts';
import { lastTextOf, type Prompt } from './prompt.ts';
import type { ScriptedTurn } from './script.ts';
import type { Answer } from './wire-format.ts';

type Json = z.infer<z.ZodJSONSchema>;
type Fill = (text: string) => string;

/** What models of today need on average for English text. */
const CHARACTERS_A_TOKEN = 4;

/** A turn as the answer to one request: marks replaced, usage decided. */
export const fillTurn = ({ turn, conversationIndex, turnIndex }: ChosenTurn, prompt: Prompt): Answer => {
  const fill = fillerFor(prompt);
  const reasoning = fill(turn.reasoning ?? '');
  const text = fill(turn.text ?? '');
  const toolCalls = (turn.toolCalls ?? []).map(({ name, input, rawInput }) => ({
    name,
    rawInput: rawInput === undefined ? JSON.stringify(fillJson(input ?? {}, fill)) : fill(rawInput),
  }));
  const written = text.length + toolCalls.reduce((sum, { name, rawInput }) => sum + name.length + rawInput.length, 0);
  const estimatedUsage = settleUsage({ turn, prompt, reasoning, written });
  return {
    turnKey: turnKey({ conversationIndex, turnIndex }),
    model: prompt.model,
    createdAt: Math.floor(Date.now() / 1000),
    reasoning,
    text,
    toolCalls,
    finish: turn.finish ?? (toolCalls.length > 0 ? 'tool_calls' : 'stop'),
    usage: turn.usage === null ? null : estimatedUsage,
    estimatedUsage,
    wants: prompt.wants,
  };
};

/** Eight hexadecimal digits each for conversation and turn, to be found again in the id of a stored response. */
const turnKey = (place: { readonly conversationIndex: number; readonly turnIndex: number }): string =>
  [place.conversationIndex, place.turnIndex].map((index) => index.toString(16).padStart(8, '0')).join('');

/** The place that a response id leads back to; null for an id that is not of this server. */
export const readTurnKey = (id: string): Prompt['after'] => {
  const found = /^resp_([0-9a-f]{8})([0-9a-f]{8})/.exec(id);
  if (found === null) return null;
  const [, conversation = '', turn = ''] = found;
  return { conversationIndex: Number.parseInt(conversation, 16), turnIndex: Number.parseInt(turn, 16) };
};

const fillerFor = (prompt: Prompt): Fill => {
  const values: Readonly<Record<string, () => string>> = {
    lastToolResult: () => lastTextOf(prompt, 'tool'),
    lastUserText: () => lastTextOf(prompt, 'user'),
  };
  return (text) => text.replaceAll(/\{\{(\w+)\}\}/g, (mark, name: string) => values[name]?.() ?? mark);
};

const fillJson = (value: Json, fill: Fill): Json => {
  if (typeof value === 'string') return fill(value);
  if (Array.isArray(value)) return value.map((item) => fillJson(item, fill));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fillJson(item, fill)]));
};

interface Output {
  readonly turn: ScriptedTurn;
  readonly prompt: Prompt;
  readonly reasoning: string;
  readonly written: number;
}

const settleUsage = ({ turn, prompt, reasoning, written }: Output): TokenUsage => {
  const given = turn.usage ?? {};
  const { cacheReadTokens = 0, cacheWriteTokens = 0 } = given;
  const reasoningTokens = given.reasoningTokens ?? Math.min(tokens(reasoning.length), given.outputTokens ?? Infinity);
  return {
    inputTokens: given.inputTokens ?? tokens(prompt.characters) + cacheReadTokens + cacheWriteTokens,
    cacheReadTokens,
    cacheWriteTokens,
    outputTokens: given.outputTokens ?? reasoningTokens + tokens(written),
    reasoningTokens,
  };
};

const tokens = (characters: number): number => Math.ceil(characters / CHARACTERS_A_TOKEN);
