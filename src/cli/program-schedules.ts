import type { Command } from 'commander';
import type { Act } from './act.ts';
import type { AnswerOptions } from './show-answer.ts';

const JSON_HELP = 'print JSON only';
const ID_HELP = 'its id, as listed';

/** `kazi schedules …`; `withServer` adds the options that every client command has. */
export const addSchedules = (program: Command, act: Act, withServer: (command: Command) => Command): void => {
  const schedules = program.command('schedules').description('jobs that are made at times: list, make, pause, run');
  withServer(schedules.command('list'))
    .description('newest first')
    .option('--type <type>', 'only one_off, delay, cron or interval ones')
    .option('--enabled', 'only those that wait for a time')
    .option('--paused', 'only those that do not')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/schedules.ts')).listSchedules));
  withServer(schedules.command('get'))
    .description('one schedule')
    .argument('<id>', ID_HELP)
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/schedules.ts')).showSchedule));
  addCreate(schedules, act, withServer);
  for (const verb of ['pause', 'resume'] as const) {
    withServer(schedules.command(verb))
      .description(verb === 'pause' ? 'make no more jobs' : 'go on with the next due time')
      .argument('<id>', ID_HELP)
      .option('--json', JSON_HELP)
      .action(
        act(async () => {
          const { switchSchedule } = await import('./commands/schedules.ts');
          return async (id: string, options: AnswerOptions) => await switchSchedule(verb, id, options);
        }),
      );
  }
  withServer(schedules.command('run'))
    .description('make a job now, beside the due times; prints its id')
    .argument('<id>', ID_HELP)
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/schedules-runs.ts')).runSchedule));
  withServer(schedules.command('preview'))
    .description('the next times')
    .argument('<id>', ID_HELP)
    .option('--count <number>', 'how many (10)')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/schedules-runs.ts')).previewSchedule));
  withServer(schedules.command('runs'))
    .description('what became of the due times, newest first')
    .argument('<id>', ID_HELP)
    .option('--limit <number>', 'at most this many')
    .option('--cursor <cursor>', 'go on after an earlier page')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/schedules-runs.ts')).listRuns));
  withServer(schedules.command('delete'))
    .description('remove a schedule; its jobs stay')
    .argument('<id>', ID_HELP)
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/schedules-delete.ts')).deleteSchedule));
};

const addCreate = (schedules: Command, act: Act, withServer: (command: Command) => Command): void => {
  withServer(schedules.command('create'))
    .description('make a schedule; prints its id')
    .argument('[input]', 'what each job is to do; "-" reads it from standard input')
    .option('--script <file>', 'read the input from this file')
    .option('--cron <expression>', 'five fields, six with the seconds last, or @daily and the like')
    .option('--at <time>', 'once, at this time: RFC 3339 or Unix seconds')
    .option('--in <duration>', 'once, after this time, such as 90s, 15m, 12h, 30d')
    .option('--every <duration>', 'again and again, first after one interval')
    .option('--timezone <zone>', 'of the cron expression, such as Europe/Berlin (UTC)')
    .option('--name <name>', 'the beginning of the input when absent')
    .option('--agent <name>', 'agent of the jobs')
    .option('--session <id>', 'session of the jobs; one for this schedule when absent')
    .option('--new-sessions', 'give each job a session of its own')
    .option('--budget <level>', 'what each job may take: low, standard, high or unlimited')
    .option('--overlap <policy>', 'skip, queue_one, queue_all, cancel_running or allow (queue_one)')
    .option('--catch-up <policy>', 'of due times that were missed: one, all or none (one)')
    .option('--jitter <duration>', 'spread the fires over this time, at most 1h')
    .option('--pause-after <number>', 'pause after so many failures in a row')
    .option('--until <time>', 'end after this time')
    .option('--max-runs <number>', 'end after so many due times')
    .option('--paused', 'do not enable it yet')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/schedules-create.ts')).createSchedule));
};
