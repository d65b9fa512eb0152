import type { ModelMessage } from 'ai';
import type { Model } from '../../models/model.ts';

/** Share of the window that is filled before a conversation is summarized: what comes next has to fit as well. */
const FULL_SHARE = 0.8;
/** Window that is assumed of a model whose facts are unknown. */
const ASSUMED_WINDOW_TOKENS = 128_000;
/** Share of the window that the text to be summarized may take. */
const TRANSCRIPT_SHARE = 0.5;
const CHARACTERS_PER_TOKEN = 3;
/** Longest part of one tool result that is worth a place in the text to be summarized. */
const RESULT_CHARACTERS = 4_000;

/** What a model is told that summarizes, and how much it may write. */
export const SUMMARY = Object.freeze({
  maxOutputTokens: 4_096,
  instructions:
    'You summarize the work of an agent so that it can go on from your summary alone. Keep: what was asked, in its own words; decisions and their reasons; facts, figures, names, paths and addresses that are still needed; what was tried and failed; the state of files; what remains to be done. Leave out what is done and needs no memory. Write plain text, no preamble.',
});

/** True when the next call would come too near to the end of the model's window. */
export const isNearlyFull = (model: Model, inputTokens: number): boolean => inputTokens > windowOf(model) * FULL_SHARE;

/** The conversation as one text for the model that summarizes it, cut in the middle to what it can read. */
export const transcriptOf = (model: Model, messages: readonly ModelMessage[]): string => {
  const most = Math.floor(windowOf(model) * TRANSCRIPT_SHARE * CHARACTERS_PER_TOKEN);
  const text = messages.map(describeMessage).join('\n\n');
  return cutMiddle(text, most);
};

const windowOf = (model: Model): number => model.contextTokens ?? ASSUMED_WINDOW_TOKENS;

const describeMessage = (message: ModelMessage): string => {
  const { role, content } = message;
  const parts = typeof content === 'string' ? [content] : content.map(describePart);
  return `## ${role}\n${parts.filter((part) => part !== '').join('\n')}`;
};

type Part = Exclude<ModelMessage['content'], string>[number];

const describePart = (part: Part): string => {
  if (part.type === 'text') return part.text;
  if (part.type === 'tool-call')
    return `[calls ${part.toolName} ${cutMiddle(JSON.stringify(part.input), RESULT_CHARACTERS)}]`;
  if (part.type !== 'tool-result') return part.type === 'reasoning' ? '' : `[${part.type}]`;
  const { output } = part;
  const text =
    output.type === 'text' || output.type === 'error-text'
      ? output.value
      : output.type === 'content'
        ? output.value.map((item) => (item.type === 'text' ? item.text : `[${item.type}]`)).join('\n')
        : JSON.stringify(output);
  return `[result of ${part.toolName}]\n${cutMiddle(text, RESULT_CHARACTERS)}`;
};

const cutMiddle = (text: string, most: number): string => {
  if (text.length <= most) return text;
  const half = Math.floor(most / 2);
  return `${text.slice(0, half)}\n[… ${text.length - 2 * half} characters left out …]\n${text.slice(-half)}`;
};
