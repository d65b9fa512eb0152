import type { Method } from '../../route.ts';
import type { Upgrades } from '../../upgrade.ts';
import type { JobRoutesOptions } from '../options.ts';
import type { LogTranslator } from './log-translator.ts';
import type { OpenSockets } from './open-sockets.ts';
import type { SocketSettings } from './settings.ts';

/** What the routes of sockets work with. */
export interface SocketRoutesOptions {
  readonly routes: JobRoutesOptions;
  readonly upgrades: Upgrades;
  readonly openSockets: OpenSockets;
  readonly translator: LogTranslator;
  readonly settings: SocketSettings;
}

/** An upgrade is a GET; every other method is answered as a GET without one. */
export const METHODS: readonly Method[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
