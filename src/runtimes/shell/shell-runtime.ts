import type { ContentBlock, JournalEvent, Step } from '../../core/journal.ts';
import type { RunContext, RunResult, Runtime, RuntimeCommandResult } from '../runtime.ts';
import { scriptBlocks } from './script-blocks.ts';

/** `result.summary.text` holds the last characters of the standard output (operations contract, "Shell agent"). */
const TEXT_CHARACTERS = 20_000;
const ERROR_LINES = 20;

/** What a step's row keeps: enough to go on after it without running it again. */
interface StepOutput {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly error: string | null;
}

/**
 * Runs the input as a shell script in the session's workspace: one step a block. A finished block is never run again; a
 * block that was interrupted by a crash is run again from its start, so scripts should bear that (it is the only way to
 * end the job, and the same as in any scheduler of scripts).
 */
export const shellRuntime: Runtime = {
  name: 'shell',
  async run(context: RunContext): Promise<RunResult> {
    const blocks = scriptBlocks(context.job.question);
    let stdout = '';
    for (const [index, script] of blocks.entries()) {
      const ordinal = index + 1;
      const earlier = context.journal.get(ordinal);
      if (index > 0) await context.stopIfAsked();
      if (context.signal.aborted) return result(stdout, 'The script was stopped', index);
      const output = earlier?.state === 'finished' ? parseOutput(earlier) : await runStep(context, ordinal, script);
      stdout = (stdout + output.stdout).slice(-TEXT_CHARACTERS);
      if (output.error !== null) return result(stdout, output.error, ordinal);
    }
    return result(stdout, null, blocks.length);
  },
};

const parseOutput = (step: Step): StepOutput => {
  const output = step.output as Partial<StepOutput> | null;
  return { exitCode: output?.exitCode ?? null, stdout: output?.stdout ?? '', error: output?.error ?? null };
};

const runStep = async (context: RunContext, ordinal: number, script: string): Promise<StepOutput> => {
  const sandbox = await context.openSandbox();
  const step = { ordinal, kind: 'tool', name: 'shell', input: { script } } as const;
  await context.write([
    { type: 'step.started', data: { ordinal, name: 'shell' }, step: { ...step, state: 'started', output: null } },
  ]);
  const command = await sandbox.run({
    script,
    signal: context.signal,
    onOutput: (chunk) => context.emitOutput({ step: ordinal, ...chunk }),
  });
  const output: StepOutput = {
    exitCode: command.exitCode,
    stdout: command.stdout.slice(-TEXT_CHARACTERS),
    error: describeFailure(command),
  };
  // An aborted step is not finished: after a hand-over another node runs it again.
  if (!command.aborted) await context.write([finishedStep(step, output, command)]);
  return output;
};

const finishedStep = (
  step: Omit<Step, 'state' | 'output'>,
  output: StepOutput,
  command: RuntimeCommandResult,
): JournalEvent => ({
  type: output.error === null ? 'step.finished' : 'step.failed',
  data: {
    ordinal: step.ordinal,
    name: step.name,
    exit_code: output.exitCode,
    duration_ms: Math.round(command.durationMs),
  },
  step: { ...step, state: 'finished', output },
});

const describeFailure = (command: RuntimeCommandResult): string | null => {
  if (command.exitCode === 0) return null;
  const tail = lastLines(command.stderr.trimEnd() === '' ? command.stdout : command.stderr);
  return tail === '' ? describeEnd(command) : `${describeEnd(command)}\n${tail}`;
};

const describeEnd = (command: RuntimeCommandResult): string => {
  if (command.aborted) return 'The script was stopped';
  if (command.limit !== null) return `The script reached the sandbox's ${command.limit} limit and was ended`;
  if (command.timedOut) return 'The script ran out of time and was ended';
  if (command.signal !== null) return `The script was ended by signal ${command.signal}`;
  return `The script ended with exit code ${command.exitCode ?? 'unknown'}`;
};

const lastLines = (text: string): string => text.trimEnd().split('\n').slice(-ERROR_LINES).join('\n').slice(-4_000);

const result = (text: string, error: string | null, steps: number): RunResult => {
  const content: ContentBlock[] = [{ type: 'text', text }];
  return {
    state: error === null ? 'complete' : 'failed',
    error,
    events: text === '' ? [] : [{ type: 'message.created', message: { role: 'assistant', content } }],
    outcome: {
      text,
      subtype: error === null ? 'success' : 'error',
      isError: error !== null,
      turns: 1,
      toolCalls: steps,
      apiDurationMs: 0,
      usage: null,
      costMicros: 0,
      models: [],
    },
  };
};
