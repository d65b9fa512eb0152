import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import pg from 'pg';

/** A way to the database that can go quiet: connections stay open, and nothing comes through any more. */
export interface DatabaseProxy {
  readonly url: string;
  /** From now on no byte passes, on old connections and new ones; nobody is told. */
  silence(): void;
  /** What was held back goes on its way. */
  resume(): void;
}

/** Puts a proxy before a database; it goes with the test. */
export const startDatabaseProxy = async (t: TestContext, databaseUrl: string): Promise<DatabaseProxy> => {
  const target = new pg.Client({ connectionString: databaseUrl });
  const { host, port, user = '', database = '' } = target;
  const sockets = new Set<Socket>();
  let isSilent = false;
  const server = createServer((near) => {
    const far = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk) => to.write(chunk));
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      if (isSilent) from.pause();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  const password = encodeURIComponent(target.password ?? '');
  return {
    url: `postgresql://${encodeURIComponent(user)}:${password}@127.0.0.1:${address.port}/${database}`,
    silence: () => {
      isSilent = true;
      for (const socket of sockets) socket.pause();
    },
    resume: () => {
      isSilent = false;
      for (const socket of sockets) socket.resume();
    },
  };
};
