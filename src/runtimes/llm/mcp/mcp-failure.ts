import { isKaziError, KaziError } from '../../../core/errors.ts';

const MAX_REASON_CHARACTERS = 2_000;

/**
 * MCP_SERVER_FAILED, in words that the author of the agent can act on. An error of kazi itself that may pass (the sandbox
 * does not start) stays what it is, so that the job is tried again.
 */
export const mcpFailure = (server: string, error: unknown): KaziError => {
  if (isKaziError(error, 'MCP_SERVER_FAILED') || (isKaziError(error) && error.retryable)) return error;
  const reason = explainError(error).slice(0, MAX_REASON_CHARACTERS);
  return new KaziError('MCP_SERVER_FAILED', { server, reason }, { cause: error });
};

/** What went wrong, with the cause that fetch and the MCP client put behind a general sentence. */
export const explainError = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof KaziError || error.cause === undefined || error.cause === null) return error.message;
  return `${error.message} (${explainError(error.cause)})`;
};
