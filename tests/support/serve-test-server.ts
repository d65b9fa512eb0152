/**
 * Starts the test server and keeps it until Ctrl+C, to look into the databases that failed tests left behind, or to run
 * single test files faster (set KAZI_TEST_DATABASE_URL to the printed URL).
 */
import { once } from 'node:events';
import { listTestDatabases, startTestServer, urlOfDatabase } from './test-server.ts';

const server = await startTestServer();
process.stdout.write(`KAZI_TEST_DATABASE_URL='${server.adminUrl}'\n`);
for (const name of await listTestDatabases(server.adminUrl)) {
  process.stdout.write(`left behind: ${urlOfDatabase(server.adminUrl, name)}\n`);
}
const heartbeat = setInterval(() => undefined, 2 ** 30);
await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
clearInterval(heartbeat);
await server.stop();
