import type { JobEvent } from './wire.ts';

/** One output chunk of an event; null for other events. */
export const outputOfEvent = ({ type, data }: JobEvent): { readonly step: number; readonly text: string } | null => {
  const { text, step } = data;
  if (type !== 'output.written' || typeof text !== 'string') return null;
  return { text, step: typeof step === 'number' ? step : 0 };
};

/** One piece of what a model is saying; null for other events. The whole message follows. */
export const deltaOfEvent = ({ type, data }: JobEvent): string | null =>
  type === 'message.delta' && data['part'] === 'text' && typeof data['text'] === 'string' ? data['text'] : null;

/** The text of an answer, from its text blocks; null for other events. */
export const answerOfEvent = ({ type, message }: JobEvent): string | null => {
  if (type !== 'message.created' || message?.role !== 'assistant' || !Array.isArray(message.content)) return null;
  return message.content.map(textOfBlock).join('');
};

const textOfBlock = (block: unknown): string => {
  const isText = typeof block === 'object' && block !== null && 'type' in block && block.type === 'text';
  return isText && 'text' in block && typeof block.text === 'string' ? block.text : '';
};
