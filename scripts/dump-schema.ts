/** `npm run dump-schema`: migrates an empty database and writes its schema into migrations/schema.sql, to be committed. */
import { writeFile } from 'node:fs/promises';
import { pino } from 'pino';
import { migrate } from '../src/storage/migrate.ts';
import { administer, startTestServer, urlOfDatabase } from '../tests/support/test-server.ts';
import { dumpSchema } from './schema-dump.ts';

const NAME = `kazi_dump_${process.pid}`;
const server = await startTestServer();
try {
  await administer(server.adminUrl, (client) => client.query(`create database ${NAME}`));
  const databaseUrl = urlOfDatabase(server.adminUrl, NAME);
  await migrate({ databaseUrl, log: pino({ level: 'error' }) });
  await writeFile(new URL('../migrations/schema.sql', import.meta.url), await dumpSchema(databaseUrl));
} finally {
  await administer(server.adminUrl, (client) => client.query(`drop database if exists ${NAME} with (force)`));
  await server.stop();
}
