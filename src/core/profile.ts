import type { Agent } from './agent.ts';

/** A labelled text that stands in the instructions of a profile. */
export interface MemoryBlock {
  readonly id: string;
  readonly label: string;
  readonly value: string;
  readonly description: string | null;
  readonly limit: number | null;
}

/** What a run of a session with a profile works with. */
export interface ProfileSettings {
  /** `provider/model`, or `kazi/` and the name of an agent without a model. */
  readonly model: string;
  /** Null = the operator's. */
  readonly instructions: string | null;
  readonly blocks: readonly MemoryBlock[];
}

/** What a client says of a profile. */
export interface ProfileFields extends ProfileSettings {
  readonly name: string;
  readonly description: string | null;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly timezone: string;
}

/** Makes a session an agent of the batches API. */
export interface Profile extends ProfileFields {
  readonly sessionId: string;
  readonly sessionNum: number;
  readonly tenantId: string;
  readonly userId: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly updatedBy: string | null;
}

/** The agent with what a profile says in its place. */
export const withProfile = (agent: Agent, { model, instructions, blocks }: ProfileSettings): Agent => {
  if (agent.runtime !== 'llm') return agent;
  const base = instructions ?? agent.instructions;
  if (blocks.length === 0) return { ...agent, model, instructions: base };
  return { ...agent, model, instructions: [base ?? DEFAULT_INSTRUCTIONS, describeBlocks(blocks)].join('\n\n') };
};

/** What a model is told when nobody says anything else. */
export const DEFAULT_INSTRUCTIONS = 'You are a capable assistant that finishes the work it is given.';

const describeBlocks = (blocks: readonly MemoryBlock[]): string =>
  [
    'What you remember:',
    ...blocks.map(({ label, value, description }) =>
      [`<${label}>`, ...(description === null ? [] : [`(${description})`]), value, `</${label}>`].join('\n'),
    ),
  ].join('\n');
