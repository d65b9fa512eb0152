import { ApiClient } from '../client.ts';
import { type ClientOptions, connect } from '../connection.ts';
import { CommandFailure, EXIT_CODES } from '../exit-code.ts';
import { followJob } from '../follow-job.ts';
import { InterruptWatch } from '../interrupt-watch.ts';
import { harmless, outputOf } from '../terminal.ts';
import type { JobEvent } from '../wire.ts';

export interface EventsOptions extends ClientOptions {
  readonly follow?: boolean;
  readonly after?: string;
  readonly json?: boolean;
}

interface Reading {
  readonly client: ApiClient;
  readonly jobId: string;
  readonly afterSeq: number;
  readonly signal: AbortSignal;
}

/** Prints the events of a job, one a line: what is recorded, or with `--follow` all of them to its end. */
export const showEvents = async (jobId: string, options: EventsOptions): Promise<number> => {
  const afterSeq = readSeq(options.after ?? '0');
  const client = new ApiClient(await connect(options));
  const output = outputOf(process.stdout);
  const interrupts = new InterruptWatch();
  const { signal } = interrupts;
  const reading: Reading = { client, jobId, afterSeq, signal };
  try {
    for await (const event of options.follow === true ? followJob(client, reading) : recorded(reading)) {
      output.write(`${options.json === true ? JSON.stringify(event) : describe(event)}\n`);
    }
  } catch (error) {
    // Ctrl-C is how one stops to follow; the job goes on.
    if (!signal.aborted) throw error;
  } finally {
    interrupts.stop();
  }
  return EXIT_CODES.ok;
};

async function* recorded({ client, jobId, signal, ...start }: Reading): AsyncGenerator<JobEvent> {
  let { afterSeq } = start;
  for (;;) {
    const events = await client.readEvents(jobId, afterSeq, signal);
    const last = events.at(-1);
    if (last === undefined) return;
    yield* events;
    afterSeq = last.seq;
  }
}

const describe = ({ seq, type, data }: JobEvent): string => {
  const facts = Object.keys(data).length === 0 ? '' : harmless(JSON.stringify(data));
  return `${String(seq).padStart(6)}  ${type.padEnd(18)} ${facts}`.trimEnd();
};

const readSeq = (text: string): number => {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new CommandFailure(
    'usage',
    `found "${text}" for --after, expected the number of an event; use one that "jobs events" printed`,
  );
};
