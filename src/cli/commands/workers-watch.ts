import { ApiClient } from '../client.ts';
import { type ClientOptions, connect } from '../connection.ts';
import { CommandFailure, EXIT_CODES } from '../exit-code.ts';
import { followWorker } from '../follow-worker.ts';
import { InterruptWatch } from '../interrupt-watch.ts';
import { harmless, type Output, outputOf } from '../terminal.ts';
import type { WirePart } from '../wire-worker.ts';

export interface WatchOptions extends ClientOptions {
  readonly json?: boolean;
}

/** Shows a worker until it is idle. The exit code is that of its last turn. */
export const watchWorker = async (id: string, options: WatchOptions): Promise<number> => {
  const client = new ApiClient(await connect(options));
  const output = outputOf(process.stdout);
  const interrupts = new InterruptWatch();
  let exitCode: number = EXIT_CODES.ok;
  try {
    for await (const part of followWorker(client, { id, signal: interrupts.signal })) {
      if (options.json === true) output.write(`${JSON.stringify(part)}\n`);
      else writePart(output, part);
      if (part.type === 'finish') exitCode = part['finishReason'] === 'error' ? EXIT_CODES.failed : EXIT_CODES.ok;
      if (part.type === 'abort') exitCode = EXIT_CODES.canceled;
    }
    return exitCode;
  } catch (error) {
    if (!interrupts.signal.aborted) throw error;
    throw new CommandFailure('canceled', 'stopped by Ctrl-C; the worker goes on', { cause: error });
  } finally {
    interrupts.stop();
  }
};

/** What people read: the texts as they come, and a line for each thing that is done. */
const writePart = (output: Output, part: WirePart): void => {
  const { type } = part;
  const word = (name: string): string => (typeof part[name] === 'string' ? harmless(part[name]) : '');
  const note = (text: string): void => output.write(`${output.style('dim', text)}\n`);
  if (type === 'text-delta') output.write(word('delta'));
  else if (type === 'text-end') output.write('\n');
  else if (type === 'tool-input-available')
    note(`${word('toolName')} ${harmless(JSON.stringify(part['input'])).slice(0, 200)}`);
  else if (type === 'source-url') note(`source ${word('url')}`);
  else if (type === 'file') note(`file ${word('url')}`);
  else if (type === 'tool-output-error' || type === 'error')
    output.write(`${output.style('red', word('errorText'))}\n`);
  else if (type === 'abort') note(`canceled: ${word('reason')}`);
};
