import type { IncomingHttpHeaders } from 'node:http';
import type { ToolResultFault } from './check-tool-results.ts';
import { WireError } from './wire-error.ts';

const KINDS: Readonly<Record<number, readonly [type: string, code: string | null]>> = {
  401: ['invalid_request_error', 'invalid_api_key'],
  404: ['invalid_request_error', 'model_not_found'],
  429: ['requests', 'rate_limit_exceeded'],
  500: ['server_error', null],
  503: ['server_error', 'server_is_overloaded'],
};

/** OpenAI's error envelope, the same for both of its formats. */
export const openaiError = ({ status, message, code }: WireError): { readonly error: Record<string, unknown> } => {
  const [type, usualCode] = KINDS[status] ?? [status >= 500 ? 'server_error' : 'invalid_request_error', null];
  return {
    error: { message, type: code === 'insufficient_quota' ? code : type, param: null, code: code ?? usualCode },
  };
};

/** The key in `Authorization: Bearer`; null without one. */
export const bearerKey = ({ authorization }: IncomingHttpHeaders): string | null =>
  /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? null;

/** OpenAI's words for a history whose tool calls and results do not fit. */
export const openaiToolFault = (fault: ToolResultFault, format: 'chat' | 'responses'): WireError => {
  const id = fault.kind === 'missing' ? fault.callIds.join(', ') : fault.callId;
  const words = {
    chat: {
      missing: `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${id}`,
      stray: `Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'. Found tool_call_id ${id}`,
    },
    responses: {
      missing: `No tool output found for function call ${id}.`,
      stray: `No tool call found for function call output with call_id ${id}.`,
    },
  };
  return new WireError(400, words[format][fault.kind]);
};
