import { readFile } from 'node:fs/promises';
import { parseScript } from '../../../src/models/scripted/parse-script.ts';
import type { Script, ScriptedTurn } from '../../../src/models/scripted/script.ts';

/** What has to come of a run of fix-a-program.json whose server dies at a point (kill-points.ts). */
export interface KillCase {
  readonly point: string;
  readonly attempts: number;
  /** The turn that was in flight, from 0; null when none was. */
  readonly askedTwice: number | null;
  /** Step of the tool call that was in flight and must not be made again by itself; null when there is none. */
  readonly interrupted: number | null;
  /** Times that the agent's program ran. */
  readonly programRuns: number;
  readonly turns: number;
  /** `KIND NAME STATE` of each step. */
  readonly steps: readonly string[];
}

/** Steps 2, 4, 6, 8 and 10; odd ones are model calls. */
const TOOLS = ['write', 'bash', 'edit', 'bash', 'publish'] as const;
const UNREPEATABLE: readonly string[] = ['bash', 'edit'];
const TURNS = TOOLS.length + 1;

/** The last point of a run: one that dies there has done all its work. */
export const UNDISTURBED = 'after job.completed';

/** The case of a point. */
export const killCase = (point: string): KillCase => {
  const [side, type = '', ...rest] = point.split(' ');
  const ordinal = Number(rest.at(-1) ?? 0);
  const tool = ordinal % 2 === 0 ? TOOLS[ordinal / 2 - 1] : undefined;
  const isEnd = type === 'step.finished' || type === 'step.failed';
  const isModelInFlight = type === 'message.delta' || (isEnd && tool === undefined && side === 'before');
  // A model's answer and the start of the call that it asks for are one commit.
  const begun = isEnd && tool === undefined && side === 'after' ? ordinal + 1 : ordinal;
  const isToolInFlight =
    begun !== ordinal ||
    (tool !== undefined &&
      (['sandbox.opened', 'output.written', 'artifact.published'].includes(type) || (isEnd && side === 'before')));
  const interrupted = isToolInFlight && UNREPEATABLE.includes(TOOLS[begun / 2 - 1] ?? '') ? begun : null;
  const hadRun = interrupted !== null && tool === 'bash' && (isEnd || type === 'output.written');
  return {
    point,
    attempts: point === 'before claim' || point === UNDISTURBED ? 1 : 2,
    askedTwice: isModelInFlight ? (ordinal - 1) / 2 : null,
    interrupted,
    programRuns: hadRun ? 3 : 2,
    turns: interrupted === null ? TURNS : TURNS + 1,
    steps: stepsOf(interrupted),
  };
};

const stepsOf = (interrupted: number | null): readonly string[] => [
  ...TOOLS.flatMap((name, index) => {
    const steps = ['model model finished', `tool ${name} finished`];
    return interrupted === index * 2 + 2 ? ['model model finished', `tool ${name} interrupted`, ...steps] : steps;
  }),
  'model model finished',
];

/**
 * The script of a case. Where a tool call is interrupted that must not be made again by itself, the model is told so, and answers with
 * the same call.
 */
export const scriptOfCase = async ({ point, interrupted }: KillCase): Promise<Script> => {
  const json: unknown = JSON.parse(await readFile(new URL('fix-a-program.json', import.meta.url), 'utf8'));
  const { conversations, ...script } = parseScript(json);
  return {
    ...script,
    conversations: conversations.map(({ turns, ...conversation }) => {
      const paced = turns.map((turn, index) => pace(turn, { index, point }));
      const call = interrupted === null ? undefined : paced[interrupted / 2 - 1];
      if (interrupted !== null && call) paced.splice(interrupted / 2, 0, { ...call, ...AGAIN });
      return { ...conversation, turns: paced };
    }),
  };
};

const AGAIN = {
  text: 'That was cut short; I do it again.',
  expect: { lastToolResultContains: 'was interrupted by a crash' },
} as const;

const PIECES = 16;

/**
 * What is gathered is written after 50 ms (engine/job-log.ts): where that is the point, the answer, or the output of the program, is
 * slow enough that a part of it is written before the rest has come. The undisturbed run is slow everywhere, to come by every point.
 */
const pace = (
  turn: ScriptedTurn,
  { index, point }: { readonly index: number; readonly point: string },
): ScriptedTurn => {
  const isEverywhere = point === UNDISTURBED;
  const isAnswer = isEverywhere || point.endsWith(`message.delta ${index * 2 + 1}`);
  const isOutput = isEverywhere || point.endsWith(`output.written ${index * 2 + 2}`);
  const characters = [turn.reasoning, turn.text, JSON.stringify(turn.toolCalls)].join('').length;
  return {
    ...turn,
    ...(isAnswer ? { chunkCharacters: Math.ceil(characters / PIECES), tokenDelayMs: 15 } : {}),
    ...(isOutput && turn.toolCalls ? { toolCalls: turn.toolCalls.map(slowly) } : {}),
  };
};

type ScriptedCall = NonNullable<ScriptedTurn['toolCalls']>[number];

const slowly = (call: ScriptedCall): ScriptedCall => {
  const { command } = call.input as { readonly command?: string };
  return command === undefined
    ? call
    : { ...call, input: { command: command.replace('; ', '; echo running; sleep 0.2; ') } };
};
