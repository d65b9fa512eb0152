import { parseScheduleId } from '../../core/schedule/ids.ts';
import { decodeOnce } from '../path-parameter.ts';
import type { Exchange } from '../route.ts';
import { readNamedSession } from './job-reference.ts';

/** The schedule that the path means. Throws the errors of the scope, then INVALID_SCHEDULE_ID. */
export const readScheduleId = async (exchange: Exchange<unknown>): Promise<string> => {
  await readNamedSession(exchange);
  const { scheduleId } = exchange.request.params as { readonly scheduleId: string };
  return parseScheduleId(decodeOnce(scheduleId));
};
