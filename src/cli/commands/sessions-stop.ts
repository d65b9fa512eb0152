import { openSessions } from '../open-sessions.ts';
import { type AnswerOptions, showAnswer } from '../show-answer.ts';

/** Stops the run of a session: after its step, or at once. */
export const stopSession = async (id: string, options: AnswerOptions & { readonly now?: boolean }): Promise<number> => {
  const answer = await (await openSessions(options)).stop(id, options.now === true ? 'immediate' : 'graceful');
  return showAnswer(options, answer, (output) => output.write(`${answer.message ?? answer.status}\n`));
};
