import { randomUUID } from 'node:crypto';
import { derivedId } from '../derived-id.ts';
import { KaziError } from '../errors.ts';
import { parseJobId } from '../job-id.ts';

export const newScheduleId = (): string => randomUUID();

/** Any letter case, with or without braces. Throws INVALID_SCHEDULE_ID. */
export const parseScheduleId = (text: string): string => {
  try {
    return parseJobId(text);
  } catch (cause) {
    throw new KaziError('INVALID_SCHEDULE_ID', {}, { cause });
  }
};

/** The run of a due time, and its job: whoever comes to it makes the same one. */
export const runIdOf = (schedule: { readonly id: string; readonly generation: number }, dueMs: number): string =>
  derivedId(schedule.id, schedule.generation, dueMs);
