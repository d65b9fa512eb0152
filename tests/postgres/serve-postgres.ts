/**
 * A process that supervises an embedded PostgreSQL, for tests that kill it or run it as another user:
 * `node serve-postgres.ts DATA_DIR [BINARIES_DIR]`. Prints one JSON line, and stops the database when its input closes.
 * It uses no npm package but PostgreSQL's own, so that it also runs from a copy of a few folders.
 */
import { isKaziError } from '../../src/core/errors.ts';
import { startEmbeddedPostgres } from '../../src/postgres/embedded-postgres.ts';
import { silentLogger } from './silent-logger.ts';

const [dataDir = '', binariesDir] = process.argv.slice(2);
try {
  const postgres = await startEmbeddedPostgres({
    dataDir,
    log: silentLogger(),
    ...(binariesDir === undefined ? {} : { binariesDir }),
  });
  process.stdout.write(`${JSON.stringify({ url: postgres.url, pid: postgres.pid })}\n`);
  process.stdin.resume().once('end', () => void postgres.stop());
} catch (error) {
  if (!isKaziError(error)) throw error;
  process.stdout.write(`${JSON.stringify({ code: error.code, message: error.message })}\n`);
}
