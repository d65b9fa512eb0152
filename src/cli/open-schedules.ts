import { ApiClient } from './client.ts';
import { type ClientOptions, connect } from './connection.ts';
import { EXIT_CODES } from './exit-code.ts';
import { ScheduleClient } from './schedule-client.ts';
import { writeJson } from './table.ts';
import { type Output, outputOf } from './terminal.ts';

export interface SchedulesOptions extends ClientOptions {
  readonly json?: boolean;
}

/** `/schedules` of the server that the options, or the settings, name. */
export const openSchedules = async (options: ClientOptions): Promise<ScheduleClient> =>
  new ScheduleClient(new ApiClient(await connect(options)));

/** Prints the answer itself with --json, else what `write` makes of it. */
export const showAnswer = <Answer>(
  options: SchedulesOptions,
  answer: Answer,
  write: (output: Output) => void,
): number => {
  const output = outputOf(process.stdout);
  if (options.json === true) writeJson(output, answer);
  else write(output);
  return EXIT_CODES.ok;
};
