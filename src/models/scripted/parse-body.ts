import type { z } from 'zod';
import { WireError } from './wire-error.ts';

/** The body of a request, parsed. Throws WireError 400 that names the first fault. */
export const parseBody = <Schema extends z.ZodType>(schema: Schema, body: unknown): z.infer<Schema> => {
  const parsed = schema.safeParse(body, { reportInput: true });
  if (parsed.success) return parsed.data;
  const { path, input, message } = deepest(parsed.error.issues) ?? { path: [], input: undefined, message: 'other' };
  const found = JSON.stringify(input)?.slice(0, 100) ?? 'nothing';
  throw new WireError(400, `${path.map(String).join('.') || 'body'}: found ${found}; ${message}`);
};

type Fault = Pick<z.core.$ZodIssue, 'path' | 'input' | 'message'>;

/** Of the forms that a value may have, the one that fitted furthest is what the client meant. */
const deepest = (issues: readonly z.core.$ZodIssue[]): Fault | undefined =>
  issues
    .flatMap(spread)
    .reduce<Fault | undefined>(
      (best, issue) => (best === undefined || issue.path.length > best.path.length ? issue : best),
      undefined,
    );

const spread = (issue: z.core.$ZodIssue): readonly Fault[] =>
  issue.code === 'invalid_union' && issue.errors.length > 0
    ? issue.errors.flat().flatMap((inner) => spread({ ...inner, path: [...issue.path, ...inner.path] }))
    : [issue];
