import { ApiClient } from './client.ts';
import { type ClientOptions, connect } from './connection.ts';
import { describeTime } from './describe.ts';
import { SessionClient } from './session-client.ts';

/** The sessions of the server that the options, or the settings, name. */
export const openSessions = async (options: ClientOptions): Promise<SessionClient> =>
  new SessionClient(new ApiClient(await connect(options)));

/** Sessions and prompts count time in milliseconds. */
export const describeMoment = (milliseconds: number): string => describeTime(Math.floor(milliseconds / 1_000));
