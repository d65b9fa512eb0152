import { describeTime } from '../describe.ts';
import { openSchedules } from '../open-schedules.ts';
import { type AnswerOptions, showAnswer } from '../show-answer.ts';
import { writeTable } from '../table.ts';
import { outputOf } from '../terminal.ts';

/** Makes a job now; prints its id. */
export const runSchedule = async (id: string, options: AnswerOptions): Promise<number> => {
  const started = await (await openSchedules(options)).run(id);
  return showAnswer(options, started, (output) => output.write(`${started.job_id}\n`));
};

/** The next times, one a line. */
export const previewSchedule = async (
  id: string,
  options: AnswerOptions & { readonly count?: string },
): Promise<number> => {
  const preview = await (await openSchedules(options)).preview(id, options.count);
  return showAnswer(options, preview, (output) => {
    for (const time of preview.times) output.write(`${describeTime(time)}\n`);
  });
};

/** What became of the due times, newest first; one page, with the cursor of the next one on stderr. */
export const listRuns = async (
  id: string,
  options: AnswerOptions & { readonly limit?: string; readonly cursor?: string },
): Promise<number> => {
  const page = await (await openSchedules(options)).runs(id, { limit: options.limit, cursor: options.cursor });
  const code = showAnswer(options, page, (output) => {
    const rows = page.runs.map((run) => [
      describeTime(run.due_at),
      describeTime(run.fired_at),
      run.trigger,
      run.outcome,
      run.job_id ?? '-',
      run.reason ?? '-',
    ]);
    writeTable(output, { titles: ['DUE', 'FIRED', 'TRIGGER', 'OUTCOME', 'JOB', 'REASON'], rows });
  });
  if (page.next_cursor && options.json !== true) outputOf(process.stderr).write(`more: --cursor ${page.next_cursor}\n`);
  return code;
};
