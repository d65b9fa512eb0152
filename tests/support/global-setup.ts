import { dropLeftBehind, prepareTemplate, startTestServer, type TestServer } from './test-server.ts';

let server: TestServer | null = null;

/**
 * Runs once before all test files, in the process of the runner: one database server with a migrated template for all
 * of them.
 */
export const globalSetup = async (): Promise<void> => {
  server = await startTestServer();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stopAndEnd);
  const template = await prepareTemplate(server.adminUrl);
  // An outside server may have other users.
  if (!process.env['KAZI_TEST_DATABASE_URL']) await dropLeftBehind(server.adminUrl, template);
  process.env['KAZI_TEST_SERVER'] = server.adminUrl;
  process.env['KAZI_TEST_TEMPLATE'] = template;
};

export const globalTeardown = async (): Promise<void> => {
  await server?.stop();
};

/** An interrupted run has no teardown, and must not leave a server running either. */
const stopAndEnd = (signal: NodeJS.Signals): void => {
  void globalTeardown().finally(() => process.kill(process.pid, signal));
};
