import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { CommandFailure, EXIT_CODES } from '../exit-code.ts';
import { InterruptWatch } from '../interrupt-watch.ts';

export interface FakeModelOptions {
  readonly script: string;
  readonly host: string;
  readonly port: string;
  readonly log?: string;
}

/** Serves a script as a model until SIGTERM or SIGINT. */
export const fakeModel = async ({
  script: scriptPath,
  host,
  port,
  log: logPath,
}: FakeModelOptions): Promise<number> => {
  const [{ parseScript }, { startScriptedModel }] = await Promise.all([
    import('../../models/scripted/parse-script.ts'),
    import('../../models/scripted/scripted-model.ts'),
  ]);
  const script = parseScript(readJson(scriptPath));
  const address = { host, port: readPort(port) };
  const interrupts = new InterruptWatch();
  const log = logPath === undefined ? null : openLog(logPath);
  try {
    const model = await startScriptedModel({ ...address, script, log: log?.write }).catch((cause: unknown) => {
      throw new CommandFailure('failed', describeListenFault(host, port, cause), { cause });
    });
    process.stdout.write(`fake model ready ${model.url}\n`);
    await aborted(interrupts.signal);
    await model.stop();
    return EXIT_CODES.ok;
  } finally {
    interrupts.stop();
    log?.close();
  }
};

const readJson = (path: string): unknown => {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const message = `the script "${path}" cannot be read (${codeOf(cause)}), expected a JSON file; check the path`;
    throw new CommandFailure('usage', message, { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CommandFailure(
      'usage',
      `the script "${path}" is no JSON (${reason}), expected that of docs/fake-model.md`,
      {
        cause,
      },
    );
  }
};

const readPort = (text: string): number => {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new CommandFailure('usage', `found "${text}" for --port, expected a number from 0 to 65535`);
};

/** Every line is written at once: what a client asked for is on record even if this process is killed right after. */
const openLog = (path: string): { readonly write: (entry: object) => void; readonly close: () => void } => {
  let file: number;
  try {
    file = openSync(path, 'a');
  } catch (cause) {
    const message = `the log "${path}" cannot be written (${codeOf(cause)}), expected a file of yours; check the path`;
    throw new CommandFailure('usage', message, { cause });
  }
  return {
    write: (entry) => void writeSync(file, `${JSON.stringify(entry)}\n`),
    close: () => closeSync(file),
  };
};

const describeListenFault = (host: string, port: string, cause: unknown): string =>
  `found that ${host}:${port} cannot be listened on (${codeOf(cause)}), expected a free address of this machine; choose others with --host and --port`;

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';

const aborted = async (signal: AbortSignal): Promise<void> =>
  await new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
