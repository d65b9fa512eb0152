import { ApiClient } from '../client.ts';
import { type ClientOptions, connect } from '../connection.ts';
import { describeTime } from '../describe.ts';
import { CommandFailure } from '../exit-code.ts';
import { SessionClient, type WireMessage, type WireSession } from '../session-client.ts';
import { type AnswerOptions, showAnswer } from '../show-answer.ts';
import { writeTable } from '../table.ts';
import { harmless, type Output, outputOf } from '../terminal.ts';

/** Newest first; one page, with the cursor of the next one on stderr (in `next_cursor` with --json). */
export const listSessions = async (
  options: AnswerOptions & { readonly limit?: string; readonly cursor?: string },
): Promise<number> => {
  const { limit, cursor } = options;
  const page = await (await openSessions(options)).list({ limit, cursor });
  return showAnswer(options, page, (output) => {
    const rows = page.sessions.map((session) => [
      session.session_id,
      session.status,
      describeTime(toSeconds(session.last_active_at)),
      String(session.queued_jobs ?? 0),
      session.user_id ?? '-',
    ]);
    writeTable(output, { titles: ['SESSION', 'STATUS', 'ACTIVE', 'QUEUED', 'USER'], rows });
    if (page.next_cursor) outputOf(process.stderr).write(`more: --cursor ${page.next_cursor}\n`);
  });
};

/** What a session is doing. One that does not exist reads as an idle one. */
export const showSession = async (id: string, options: AnswerOptions): Promise<number> => {
  const answer = await (await openSessions(options)).state(id);
  return showAnswer(options, answer, (output) => writeSession(output, answer.state));
};

/** All that was said, oldest first. */
export const showMessages = async (id: string, options: AnswerOptions): Promise<number> => {
  const answer = await (await openSessions(options)).messages(id);
  return showAnswer(options, answer, (output) => {
    for (const message of answer.messages) writeMessage(output, message);
  });
};

/** The prompts that wait, in their order. */
export const showQueue = async (id: string, options: AnswerOptions): Promise<number> => {
  const answer = await (await openSessions(options)).queue(id);
  return showAnswer(options, answer, (output) => {
    const rows = answer.prompts.map((prompt) => [
      String(prompt.position),
      prompt.prompt_id,
      describeTime(toSeconds(prompt.expires_at)),
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

/** Stops the run of a session: after its step, or at once. */
export const stopSession = async (id: string, options: AnswerOptions & { readonly now?: boolean }): Promise<number> => {
  const answer = await (await openSessions(options)).stop(id, options.now === true ? 'immediate' : 'graceful');
  return showAnswer(options, answer, (output) => output.write(`${answer.message ?? answer.status}\n`));
};

const openSessions = async (options: ClientOptions): Promise<SessionClient> =>
  new SessionClient(new ApiClient(await connect(options)));

/** Sessions and prompts count time in milliseconds. */
const toSeconds = (milliseconds: number): number => Math.floor(milliseconds / 1_000);

const writeSession = (output: Output, session: WireSession): void => {
  const facts = [
    ['session', session.session_id],
    ['status', session.status],
    ['user', session.user_id ?? '-'],
    ['created', describeTime(toSeconds(session.created_at))],
    ['active', describeTime(toSeconds(session.last_active_at))],
    ...(session.current_prompt === undefined ? [] : [['input', session.current_prompt]]),
  ] as const;
  for (const [name = '', value = ''] of facts) output.write(`${name.padEnd(8)} ${harmless(value)}\n`);
};

const writeMessage = (output: Output, { role, created_at, content }: WireMessage): void => {
  const text = content.map((block) => block.text ?? `(${block.type})`).join('\n');
  output.write(`${describeTime(toSeconds(created_at))} ${role}\n${harmless(text)}\n\n`);
};
