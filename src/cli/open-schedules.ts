import { ApiClient } from './client.ts';
import { type ClientOptions, connect } from './connection.ts';
import { ScheduleClient } from './schedule-client.ts';

/** `/schedules` of the server that the options, or the settings, name. */
export const openSchedules = async (options: ClientOptions): Promise<ScheduleClient> =>
  new ScheduleClient(new ApiClient(await connect(options)));
