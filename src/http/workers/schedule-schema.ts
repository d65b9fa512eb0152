import type { NewWorkerSchedule } from '../../actions/schedule-worker.ts';
import { invalid, parseObject, readText } from './body.ts';
import { readBudget, readInput } from './turn-schema.ts';

type When = NewWorkerSchedule['when'];
type Json = Readonly<Record<string, unknown>>;

const MOST_SECONDS = 31_536_000;
const NO_TIME = { runAt: null, cron: null, timezone: 'UTC', periodSeconds: null } as const;

/** The body of a new schedule (section 9); unknown keys are ignored. Throws INVALID_JSON, INVALID_REQUEST. */
export const parseWorkerSchedule = (
  bytes: Buffer | undefined,
): Pick<NewWorkerSchedule, 'input' | 'budget' | 'when'> => {
  const body = parseObject(bytes);
  return { input: readInput(body['input']), budget: readBudget(body['budget']), when: readWhen(body['when']) };
};

const readWhen = (value: unknown): When => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('when must be an object');
  const when = value as Json;
  switch (when['type']) {
    case 'scheduled':
      return { ...NO_TIME, kind: 'one_off', runAt: readDate(when['date']) };
    case 'delayed':
      return { ...NO_TIME, kind: 'delay', periodSeconds: readSeconds(when, 'delayInSeconds') };
    case 'interval':
      return { ...NO_TIME, kind: 'interval', periodSeconds: readSeconds(when, 'intervalSeconds') };
    case 'cron':
      return { ...NO_TIME, kind: 'cron', cron: readCron(when['cron']), timezone: readZone(when['timezone']) };
    default:
      throw invalid('when.type must be one of scheduled, delayed, cron, interval');
  }
};

const readSeconds = (when: Json, name: string): number => {
  const seconds = when[name];
  if (typeof seconds !== 'number' || !Number.isInteger(seconds) || seconds < 1 || seconds > MOST_SECONDS) {
    throw invalid(`when.${name} must be an integer of 1 to ${MOST_SECONDS}`);
  }
  return seconds;
};

/** RFC 3339, with the offset left out for UTC. */
const DATE = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)?$/;

const readDate = (value: unknown): Date => {
  const [text, year, month, day, , , , offset] = DATE.exec(typeof value === 'string' ? value : '') ?? [];
  const date = new Date(`${text?.replace(' ', 'T').toUpperCase()}${offset === undefined ? 'Z' : ''}`);
  // JavaScript takes 30 February for 2 March.
  const lastDay = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  if (text === undefined || Number.isNaN(date.getTime()) || Number(day) > lastDay) {
    throw invalid('when.date must be an RFC 3339 date and time');
  }
  return date;
};

const readCron = (value: unknown): string => {
  if (typeof value !== 'string' || value.trim() === '') throw invalid('Invalid cron expression');
  return readText('when.cron', value);
};

const readZone = (value: unknown = 'UTC'): string => {
  if (typeof value !== 'string' || value.trim() === '') throw invalid(`Invalid timezone: ${JSON.stringify(value)}`);
  return readText('when.timezone', value);
};
