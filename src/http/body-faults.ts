import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

const SHOWN_FAULTS = 20;
const SHOWN_CHARACTERS = 80;
/** Fields whose values are secrets, at any depth. */
const SECRET_FIELDS: readonly PropertyKey[] = ['headers', 'env'];

/** The faults of a parse that reported its input, as "field: found …, expected …", joined by "; ". Values of headers and variables are left out. */
export const describeBodyFaults = (error: z.ZodError): string => {
  const faults = error.issues.flatMap((issue) => describeIssue(issue, []));
  const more = faults.length - SHOWN_FAULTS;
  return [...faults.slice(0, SHOWN_FAULTS), ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
};

const describeIssue = (issue: Issue, parent: readonly PropertyKey[]): readonly string[] => {
  const path = [...parent, ...issue.path];
  const place = toPlace(path);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${place}: found the unknown field ${shown(key)}, expected ${issue.message}`);
  }
  if (issue.code === 'invalid_union') {
    const [nearest] = issue.errors.toSorted((left, right) => distance(left) - distance(right));
    if (nearest && distance(nearest) < ROOT_DISTANCE) return nearest.flatMap((inner) => describeIssue(inner, path));
    const expected = issue.errors.flatMap((errors) => errors.slice(0, 1).map(expectationOf));
    return [`${place}: ${foundIn(issue, path)}, expected ${expected.join(' or ')}`];
  }
  if (issue.code === 'invalid_key') {
    const inner = issue.issues.map(expectationOf).join(', ');
    return [`${toPlace(path.slice(0, -1))}: found the key ${shown(String(path.at(-1)))}, expected ${inner}`];
  }
  return [`${place}: ${foundIn(issue, path)}, expected ${expectationOf(issue)}`];
};

const ROOT_DISTANCE = 1_000;

/** How far a value is from one form of a union: another kind of value altogether is further than any number of faults in it. */
const distance = (issues: readonly Issue[]): number =>
  issues.reduce((sum, issue) => {
    if (issue.code === 'unrecognized_keys') return sum + issue.keys.length;
    return sum + (issue.path.length === 0 ? ROOT_DISTANCE : 1);
  }, 0);

const foundIn = (issue: Issue, path: readonly PropertyKey[]): string => {
  const { input } = issue;
  if (input === undefined) return 'found nothing';
  if (Array.isArray(input)) return `found a list of ${input.length}`;
  if (typeof input === 'object' && input !== null) return 'found an object';
  if (path.some((part) => SECRET_FIELDS.includes(part))) return `found a ${typeof input} that is not shown`;
  if (typeof input === 'string' && issue.code === 'too_big') return `found ${input.length} characters`;
  return `found ${shown(input)}`;
};

const KINDS: Readonly<Record<string, string>> = Object.freeze({
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  record: 'an object',
});

const UNITS: Readonly<Record<string, string>> = Object.freeze({ string: ' characters', array: ' entries' });

const expectationOf = (issue: Issue): string => {
  switch (issue.code) {
    case 'invalid_type':
      return KINDS[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return issue.values.map((value) => shown(value)).join(', ');
    case 'too_small':
      return `at least ${issue.minimum}${UNITS[issue.origin] ?? ''}`;
    case 'too_big':
      return `at most ${issue.maximum}${UNITS[issue.origin] ?? ''}`;
    default:
      return issue.message;
  }
};

const shown = (value: unknown): string => {
  const whole = JSON.stringify(value) ?? String(value);
  return whole.length > SHOWN_CHARACTERS ? `${whole.slice(0, SHOWN_CHARACTERS)}…` : whole;
};

const toPlace = (path: readonly PropertyKey[]): string =>
  path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index > 0 ? '.' : ''}${String(part)}`))
    .join('')
    .slice(0, SHOWN_CHARACTERS * 3) || 'body';
