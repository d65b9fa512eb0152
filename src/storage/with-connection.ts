import pg from 'pg';

/**
 * Runs the work on a connection beside the pool, closed after it: for a start, which has no pool yet. Rejects with what the
 * connection or the work throws; one that breaks between two statements fails the next of them.
 */
export const withConnection = async <Result>(
  options: { readonly url: string; readonly name: string; readonly connectMs?: number },
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> => {
  const client = new pg.Client({
    connectionString: options.url,
    application_name: options.name,
    ...(options.connectMs === undefined ? {} : { connectionTimeoutMillis: options.connectMs }),
  });
  // Without a listener, a connection that breaks while no statement runs would end the process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
};
