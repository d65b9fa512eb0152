/**
 * A node of kazi without its HTTP face, for tests that do harm to a whole process: `node serve-node.ts`, with the settings of
 * `kazi serve` in the environment. Prints `ready` and its database URL on one line, logs JSON lines on stderr, and ends by itself
 * after SIGTERM: a handle that was left open would keep it alive.
 */
import { pino } from 'pino';
import { startNode } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';

const config = readConfig({ flags: {} });
const log = pino({ level: config.logLevel }, pino.destination({ dest: 2, sync: true }));
const node = await startNode({ config, log });
process.once('SIGTERM', () => void node.stop());
process.stdout.write(`ready ${node.context.db.url}\n`);
