import type { Prompt } from './prompt.ts';
import type { ScriptedFault } from './script.ts';
import { WireError } from './wire-error.ts';
import type { WireFormat } from './wire-format.ts';

/** The provider's words for a model that the script does not have. */
export const unknownModel = (model: string, { name }: WireFormat): WireError =>
  new WireError(
    404,
    name === 'anthropic-messages'
      ? `model: ${model}`
      : `The model \`${model}\` does not exist or you do not have access to it.`,
  );

/** The error answer that a fault stands for; null for faults of another kind. */
export const refusalOf = (fault: ScriptedFault, prompt: Prompt, format: WireFormat): WireError | null => {
  if (fault.contextOverflow === true) return format.contextOverflow(prompt);
  if (fault.expired === true) return new WireError(504, 'Scripted fault "expired": only requests of batches expire.');
  // A whole answer cannot fail half-way, so it fails as a whole.
  const status = fault.status ?? (fault.errorAfterCharacters !== undefined && !prompt.isStream ? 500 : null);
  if (status === null) return null;
  const {
    code = null,
    retryAfterSeconds = null,
    message = USUAL_MESSAGES[status] ?? `Scripted fault ${status}.`,
  } = fault;
  return new WireError(status, message, { code, retryAfterSeconds });
};

const USUAL_MESSAGES: Readonly<Record<number, string>> = {
  401: 'Incorrect API key provided.',
  429: 'Rate limit reached. Please try again later.',
  500: 'The server had an error while processing your request.',
  503: 'The server is currently overloaded. Please try again later.',
  529: 'Overloaded',
};

/** A fault as the log names it. */
export const describeFault = (fault: ScriptedFault): string => {
  if (fault.status !== undefined) return `status ${fault.status}`;
  if (fault.contextOverflow === true) return 'context overflow';
  if (fault.hang === true) return 'hang';
  if (fault.expired === true) return 'expired';
  if (fault.cutAfterCharacters !== undefined) return `cut after ${fault.cutAfterCharacters} characters`;
  if (fault.hangAfterCharacters !== undefined) return `hang after ${fault.hangAfterCharacters} characters`;
  return `error after ${fault.errorAfterCharacters} characters`;
};
