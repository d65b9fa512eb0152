import { Cron } from 'croner';
import { KaziError } from '../errors.ts';

const SHORTHANDS: Readonly<Record<string, string>> = Object.freeze({
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
});
/** One entry of a field: anything, a value or a range, with a step; the last day; the nth or last weekday. */
const ENTRY =
  /^(?:(?:\*|[0-9]{1,4}(?:-[0-9]{1,4})?|[a-z]{3}(?:-[a-z]{3})?)(?:\/[0-9]{1,4})?|l|[0-9a-z]{1,3}(?:#[1-5]|l))$/i;
const MAX_CHARACTERS = 1_000;

/** The times of a cron expression on a clock that is never changed. */
export interface CronTimes {
  /** The first wall time after one, both as core/schedule/zone.ts has them; null when there is none. */
  nextAfter(wallMs: number): number | null;
}

/**
 * Reads five fields, six with the seconds last, or a shorthand. A day matches when day of month or day of week does,
 * where both are restricted. Throws INVALID_CRON.
 */
export const parseCron = (text: string): CronTimes => {
  const fields = (SHORTHANDS[text.trim().toLowerCase()] ?? text).trim().split(/\s+/);
  const isWellFormed = text.length <= MAX_CHARACTERS && fields.every((field) => field.split(',').every(isEntry));
  if (!isWellFormed || (fields.length !== 5 && fields.length !== 6)) throw new KaziError('INVALID_CRON');
  const [minute, hour, day, month, weekday, second = '0'] = fields;
  const cron = openCron([second, minute, hour, day, month, weekday].join(' '));
  return {
    nextAfter: (wallMs) => cron.nextRun(new Date(Math.floor(wallMs / 1_000) * 1_000))?.getTime() ?? null,
  };
};

const isEntry = (entry: string): boolean => ENTRY.test(entry);

/** Without a callback it holds no timer; in UTC every wall time exists once, so it only counts. */
const openCron = (pattern: string): Cron => {
  try {
    return new Cron(pattern, { utcOffset: 0, mode: '6-part', sloppyRanges: true });
  } catch (cause) {
    throw new KaziError('INVALID_CRON', {}, { cause });
  }
};
