import type { z } from 'zod';
import { KaziError } from '../../core/errors.ts';

const SHOWN_FAULTS = 20;
/** In answers to a bad id of an agent. */
const EXAMPLE_ID = 'agent-123e4567-e89b-42d3-8456-426614174000';

/** INVALID_SHAPE with these faults, each `<where>: <what>`. */
export const shapeFault = (faults: readonly string[], details: { readonly example?: string } = {}): KaziError => {
  const more = faults.length - SHOWN_FAULTS;
  const shown = [...faults.slice(0, SHOWN_FAULTS), ...(more > 0 ? [`and ${more} more`] : [])];
  return new KaziError('INVALID_SHAPE', { message: shown.join('; '), ...details });
};

/** INVALID_SHAPE for an id of the path that no agent can have. */
export const agentIdFault = (): KaziError =>
  shapeFault([`path.agent_id: expected a string such as ${EXAMPLE_ID}`], { example: EXAMPLE_ID });

/** The faults of a parse that reported its input, in the words of this family; values are not repeated. */
export const describeShapeFaults = (error: z.ZodError, where: string): readonly string[] =>
  error.issues.map(({ path, input, message }) => {
    const place = [where, ...path.map(String)].join('.');
    return `${place}: ${input === undefined ? 'field required' : message}`;
  });
