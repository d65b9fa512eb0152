import type { TestContext } from 'node:test';
import { startApp } from '../../../src/app/app.ts';
import { loadConfig } from '../../../src/config.ts';
import { parseScript } from '../../../src/models/scripted/parse-script.ts';
import { type ScriptedModel, startScriptedModel } from '../../../src/models/scripted/scripted-model.ts';
import { type FormatName, modelSettings } from '../../runtimes/llm/llm-node.ts';
import { createTestDatabase } from '../../support/database.ts';
import { silentLog } from '../../support/factories.ts';
import { TEST_API_KEY } from '../../support/job-client.ts';
import { makeDataDir } from '../../support/node.ts';
import { Caller } from './target.ts';

/** A whole server whose default agent has a model that plays a script. */
export interface ModelServer {
  readonly caller: Caller;
  readonly model: ScriptedModel;
}

/** Starts it for one test. */
export const startModelServer = async (
  t: TestContext,
  turns: readonly unknown[],
  options: { readonly format?: FormatName; readonly more?: Readonly<Record<string, unknown>> } = {},
): Promise<ModelServer> => {
  const { url: databaseUrl } = await createTestDatabase(t);
  const dataDir = await makeDataDir(t);
  const script = parseScript({ conversations: [{ name: 'the conversation', turns, ...options.more }] });
  const model = await startScriptedModel({ script, keepBodies: true });
  t.after(async () => await model.stop());
  const signingSecret = 'a signing secret of the tests';
  const env = {
    DATABASE_URL: databaseUrl,
    KAZI_DATA_DIR: dataDir,
    KAZI_API_KEY: TEST_API_KEY,
    KAZI_SESSION_SIGNING_SECRET: signingSecret,
    KAZI_POLL_MS: '200',
    ...(await modelSettings(model.url, { format: options.format ?? 'messages', dataDir })),
  };
  const config = loadConfig({ env, flags: { port: '0' }, file: null, workingFolder: dataDir });
  const app = await startApp({ config, log: silentLog });
  t.after(async () => await app.stop());
  return { model, caller: new Caller({ url: app.url, signingSecret, apiKey: TEST_API_KEY }) };
};
