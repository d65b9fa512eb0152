import { CommandFailure } from '../exit-code.ts';
import { describeMoment, openSessions } from '../open-sessions.ts';
import { type AnswerOptions, showAnswer } from '../show-answer.ts';
import { writeTable } from '../table.ts';
import { harmless } from '../terminal.ts';

/** The prompts that wait, in their order. */
export const showQueue = async (id: string, options: AnswerOptions): Promise<number> => {
  const answer = await (await openSessions(options)).queue(id);
  return showAnswer(options, answer, (output) => {
    const rows = answer.prompts.map((prompt) => [
      String(prompt.position),
      prompt.prompt_id,
      describeMoment(prompt.expires_at),
      prompt.question.slice(0, 80),
    ]);
    writeTable(output, { titles: ['PLACE', 'PROMPT', 'EXPIRES', 'INPUT'], rows });
  });
};

/** Queues a prompt, or does what --if-busy says; prints the id of the job that has the input. */
export const queuePrompt = async (
  id: string,
  question: string,
  options: AnswerOptions & { readonly agent?: string; readonly ifBusy?: string },
): Promise<number> => {
  const { agent: agent_type, ifBusy: if_busy } = options;
  const answer = await (await openSessions(options)).add(id, { question, agent_type, if_busy });
  return showAnswer(options, answer, (output) =>
    output.write(`${[answer.prompt_id, answer.outcome].filter(Boolean).join(' ')}\n`),
  );
};

export const removePrompt = async (
  id: string,
  promptId: string | undefined,
  options: AnswerOptions & { readonly all?: boolean },
): Promise<number> => {
  if (promptId === undefined && options.all !== true) {
    throw new CommandFailure('usage', 'kazi sessions unqueue: found no prompt, expected its id, or --all.');
  }
  const sessions = await openSessions(options);
  const answer = await sessions.remove(id, options.all === true ? undefined : promptId);
  return showAnswer(options, answer, (output) =>
    output.write(`${answer.message ?? `${harmless(answer.prompt_id ?? '')} removed`}\n`),
  );
};
