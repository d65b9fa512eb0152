import type { ModelMessage } from 'ai';
import { Database } from '../src/storage/database.ts';
import { type BareCall, bareCallOf, startAgentNode, startBenchModel } from './agent-node.ts';
import { type BenchServer, submit } from './bench-node.ts';
import { median, showSpread, spreadOf } from './statistics.ts';

const TARGET_MS = 5;
const WARM_ROUNDS = 3;
const LIST_CALL = { text: 'I look around.', toolCalls: [{ name: 'list', input: {} }] };
const ANSWER = { text: 'That is all.' };

interface Round {
  readonly jobMs: number;
  readonly bareMs: number;
  readonly statements: number;
  /** How long those that the loop waits for took together. */
  readonly databaseMs: number;
}

/** What a step of an agent costs over the bare call of its model, which answers at once. */
export const benchAgentsOverhead = async (server: BenchServer, rounds: number): Promise<string[]> => [
  ...(await compare(server, { steps: 20, rounds })),
  ...(await compare(server, { steps: 1, rounds })),
];

/** Jobs and bare calls in turn, so that the machine's mood is the same for both. */
const compare = async (
  server: BenchServer,
  load: { readonly steps: number; readonly rounds: number },
): Promise<string[]> => {
  const { steps } = load;
  const model = await startBenchModel(server, [...Array.from({ length: steps - 1 }, () => LIST_CALL), ANSWER]);
  const node = await startAgentNode(server, model);
  try {
    const bare = bareCallOf(model);
    const rounds: Round[] = [];
    for (let number = -WARM_ROUNDS; number < load.rounds; number += 1) {
      const bareMs = await timeOf(async () => await callInARow(bare, steps));
      using statements = countStatements();
      const jobMs = await timeOf(async () => {
        const ended = Promise.withResolvers<void>();
        const stopListening = node.engine?.onJobEnded(() => ended.resolve());
        await submit(node, { tenantId: 'overhead', agent: 'default', question: `job ${number}` });
        await ended.promise;
        stopListening?.();
      });
      if (number >= 0) rounds.push({ jobMs, bareMs, ...statements.figures() });
    }
    return describe(rounds, steps);
  } finally {
    await node.stop();
    await model.stop();
  }
};

const describe = (rounds: readonly Round[], steps: number): string[] => {
  const perStep = (figure: (round: Round) => number): number => median(rounds.map((round) => figure(round) / steps));
  const over = spreadOf(rounds.map(({ jobMs, bareMs }) => (jobMs - bareMs) / steps));
  const what = steps === 1 ? 'a job of one step, without tools' : `a step of a job of ${steps} steps with a tool`;
  return [
    `${what}, over the bare call of the model   ${showSpread(over, 'ms')}${steps === 1 ? '' : ` (target ≤ ${TARGET_MS} ms)`}`,
    `  whole ${perStep(({ jobMs }) => jobMs).toFixed(2)} ms, bare ${perStep(({ bareMs }) => bareMs).toFixed(2)} ms; ${perStep(({ statements }) => statements).toFixed(1)} statements of the database, ${perStep(({ databaseMs }) => databaseMs).toFixed(2)} ms`,
  ];
};

const timeOf = async (work: () => Promise<void>): Promise<number> => {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
};

/** The calls that a job of so many steps makes, with a history that grows in the same way. */
const callInARow = async ({ model, system, tools }: BareCall, steps: number): Promise<void> => {
  const messages: ModelMessage[] = [{ role: 'user', content: 'job' }];
  const signal = new AbortController().signal;
  for (let step = 1; step <= steps; step += 1) {
    const request = { system, messages, tools, outputSchema: null, maxOutputTokens: 16_384, signal };
    const response = await model.call({ ...request, onDelta: () => undefined });
    messages.push(...response.messages);
    for (const { id, name } of response.toolCalls) {
      const output = { type: 'text', value: '(the workspace is empty)' } as const;
      messages.push({ role: 'tool', content: [{ type: 'tool-result', toolCallId: id, toolName: name, output }] });
    }
  }
};

/** Statements that the engine waits for, by name; those that a node sends of itself begin with other words. */
const OF_RUNS = /^(jobs\/journal|budgets\/|messages\/|agents\/|steps\/|artifacts\/)/;

/** Counts and times the statements of all runs in this process until it is disposed. */
const countStatements = (): Disposable & { figures(): Pick<Round, 'statements' | 'databaseMs'> } => {
  const query = Object.getOwnPropertyDescriptor(Database.prototype, 'query')?.value as Database['query'];
  let statements = 0;
  let databaseMs = 0;
  Database.prototype.query = async function counted<Row>(
    this: Database,
    name: string,
    parameters?: readonly unknown[],
  ): Promise<Row[]> {
    const startedAt = performance.now();
    try {
      return await query.call<Database, [string, (readonly unknown[])?], Promise<Row[]>>(this, name, parameters);
    } finally {
      if (OF_RUNS.test(name)) {
        statements += 1;
        databaseMs += performance.now() - startedAt;
      }
    }
  };
  return {
    figures: () => ({ statements, databaseMs }),
    [Symbol.dispose]: () => {
      Database.prototype.query = query;
    },
  };
};
