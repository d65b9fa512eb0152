import { ApiClient } from '../client.ts';
import { connect } from '../connection.ts';
import { parseDuration } from '../duration.ts';
import { CommandFailure, EXIT_CODES } from '../exit-code.ts';
import { readInput } from '../read-input.ts';
import { ScheduleClient, type ScheduleRequest } from '../schedule-client.ts';
import type { AnswerOptions } from '../show-answer.ts';
import { writeJson } from '../table.ts';
import { outputOf } from '../terminal.ts';

export interface CreateScheduleOptions extends AnswerOptions {
  readonly name?: string;
  readonly cron?: string;
  readonly at?: string;
  readonly in?: string;
  readonly every?: string;
  readonly timezone?: string;
  readonly agent?: string;
  readonly session?: string;
  readonly newSessions?: boolean;
  readonly budget?: string;
  readonly overlap?: string;
  readonly catchUp?: string;
  readonly jitter?: string;
  readonly pauseAfter?: string;
  readonly until?: string;
  readonly maxRuns?: string;
  readonly paused?: boolean;
  readonly script?: string;
}

const NAME_CHARACTERS = 60;

/** Makes a schedule; prints its id. */
export const createSchedule = async (input: string | undefined, options: CreateScheduleOptions): Promise<number> => {
  const question = await readInput(input, options.script);
  const request: ScheduleRequest = {
    name: options.name ?? question.trim().slice(0, NAME_CHARACTERS),
    question,
    ...readRule(options),
    timezone: options.timezone,
    agent_type: options.agent,
    session_mode: options.newSessions === true ? 'new' : undefined,
    budget: options.budget,
    overlap: options.overlap,
    catch_up: options.catchUp,
    jitter_seconds: toSeconds(options.jitter),
    pause_after_failures: toCount('--pause-after', options.pauseAfter),
    ends_at: options.until === undefined ? undefined : toTime('--until', options.until),
    max_runs: toCount('--max-runs', options.maxRuns),
    enabled: options.paused !== true,
  };
  const client = new ScheduleClient(new ApiClient(await connect(options)));
  const schedule = await client.create(request, options.session);
  const output = outputOf(process.stdout);
  if (options.json === true) writeJson(output, schedule);
  else output.write(`${schedule.schedule_id}\n`);
  return EXIT_CODES.ok;
};

const readRule = ({ cron, at, in: delay, every }: CreateScheduleOptions): ScheduleRequest => {
  const rules: ScheduleRequest[] = [];
  if (cron !== undefined) rules.push({ schedule_type: 'cron', cron });
  if (at !== undefined) rules.push({ schedule_type: 'one_off', run_at: toTime('--at', at) });
  if (delay !== undefined) rules.push({ schedule_type: 'delay', delay_seconds: toSeconds(delay) });
  if (every !== undefined) rules.push({ schedule_type: 'interval', interval_seconds: toSeconds(every) });
  const [rule] = rules;
  if (rules.length === 1 && rule) return rule;
  throw new CommandFailure('usage', `found ${rules.length} of --cron, --at, --in and --every, expected one of them`);
};

const toSeconds = (duration: string | undefined): number | undefined =>
  duration === undefined ? undefined : parseDuration(duration) / 1_000;

const toCount = (flag: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new CommandFailure('usage', `found ${flag} "${text}", expected a whole number`);
};

/** Unix seconds, or a time as RFC 3339 has it; without an offset it is the reader's own. */
const toTime = (flag: string, text: string): number => {
  const seconds = /^-?\d{1,12}$/.test(text) ? Number(text) : Math.floor(Date.parse(text) / 1_000);
  if (Number.isFinite(seconds)) return seconds;
  throw new CommandFailure('usage', `found ${flag} "${text}", expected RFC 3339 or Unix seconds`);
};
