import { describeTime } from '../describe.ts';
import { openSchedules } from '../open-schedules.ts';
import type { WireSchedule } from '../schedule-client.ts';
import { type AnswerOptions, showAnswer } from '../show-answer.ts';
import { writeTable } from '../table.ts';
import { harmless, type Output } from '../terminal.ts';

/** Newest first, and all of them. */
export const listSchedules = async (
  options: AnswerOptions & { readonly type?: string; readonly enabled?: boolean; readonly paused?: boolean },
): Promise<number> => {
  const enabled = options.enabled === true ? 'true' : options.paused === true ? 'false' : undefined;
  const page = await (await openSchedules(options)).list({ schedule_type: options.type, enabled });
  return showAnswer(options, page, (output) => {
    const rows = page.schedules.map((schedule) => [
      schedule.schedule_id,
      schedule.enabled ? 'enabled' : 'paused',
      describeRule(schedule),
      describeTime(schedule.next_run_at),
      describeTime(schedule.last_run_at),
      schedule.name,
    ]);
    writeTable(output, { titles: ['ID', 'STATE', 'WHEN', 'NEXT', 'LAST', 'NAME'], rows });
  });
};

export const showSchedule = async (id: string, options: AnswerOptions): Promise<number> => {
  const schedule = await (await openSchedules(options)).get(id);
  return showAnswer(options, schedule, (output) => writeSchedule(output, schedule));
};

/** `pause` and `resume`: due times that pass while a schedule is paused are not caught up. */
export const switchSchedule = async (verb: 'pause' | 'resume', id: string, options: AnswerOptions): Promise<number> => {
  const schedule = await (await openSchedules(options)).switch(verb, id);
  return showAnswer(options, schedule, (output) => writeSchedule(output, schedule));
};

const describeRule = (schedule: WireSchedule): string => {
  if (schedule.cron) return schedule.timezone === 'UTC' ? schedule.cron : `${schedule.cron} ${schedule.timezone}`;
  if (schedule.interval_seconds) return `every ${schedule.interval_seconds} s`;
  return describeTime(schedule.run_at);
};

const writeSchedule = (output: Output, schedule: WireSchedule): void => {
  const facts: readonly (readonly [string, string | null | undefined])[] = [
    ['schedule', schedule.schedule_id],
    ['name', schedule.name],
    ['state', schedule.enabled ? 'enabled' : 'paused'],
    ['when', describeRule(schedule)],
    ['next', describeTime(schedule.next_run_at)],
    ['last', describeTime(schedule.last_run_at)],
    ['job', schedule.last_job_id],
    ['error', schedule.last_error],
    ['agent', schedule.agent_type],
  ];
  for (const [name, value] of facts) {
    if (value) output.write(`${output.style('dim', name.padEnd(10))} ${harmless(value)}\n`);
  }
  output.write(`\n${harmless(schedule.question)}\n`);
};
