import { describeMoment, openSessions } from '../open-sessions.ts';
import type { WireMessage, WireSession } from '../session-client.ts';
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
      describeMoment(session.last_active_at),
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

const writeSession = (output: Output, session: WireSession): void => {
  const facts = [
    ['session', session.session_id],
    ['status', session.status],
    ['user', session.user_id ?? '-'],
    ['created', describeMoment(session.created_at)],
    ['active', describeMoment(session.last_active_at)],
    ...(session.current_prompt === undefined ? [] : [['input', session.current_prompt]]),
  ] as const;
  for (const [name = '', value = ''] of facts) output.write(`${name.padEnd(8)} ${harmless(value)}\n`);
};

const writeMessage = (output: Output, { role, created_at, content }: WireMessage): void => {
  const text = content.map((block) => block.text ?? `(${block.type})`).join('\n');
  output.write(`${describeMoment(created_at)} ${role}\n${harmless(text)}\n\n`);
};
