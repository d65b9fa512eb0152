import type { z } from 'zod';
import { KaziError } from '../../core/errors.ts';
import { nearestName } from '../../core/nearest-name.ts';
import { type Script, scriptSchema } from './script.ts';

const KEYS: readonly string[] = [
  ...['requiredKey', 'models', 'conversations', 'name', 'when', 'contains', 'systemContains', 'model', 'turns'],
  ...['repeatLast', 'text', 'reasoning', 'toolCalls', 'input', 'rawInput', 'usage', 'inputTokens', 'cacheReadTokens'],
  ...['cacheWriteTokens', 'outputTokens', 'reasoningTokens', 'finish', 'delayMs', 'tokenDelayMs', 'chunkCharacters'],
  ...['faults', 'status', 'retryAfterSeconds', 'code', 'message', 'contextOverflow', 'hang', 'cutAfterCharacters'],
  ...['hangAfterCharacters', 'errorAfterCharacters', 'expect', 'lastToolResultContains', 'offersTool'],
  ...['batches', 'expired', 'loseAnswer', 'failed'],
];

/** The script in a parsed JSON value. Throws one INVALID_CONFIG that lists every fault: where, what was found, what is expected. */
export const parseScript = (json: unknown): Script => {
  const parsed = scriptSchema.safeParse(json, { reportInput: true });
  const faults = parsed.success ? nameFaults(parsed.data) : parsed.error.issues.flatMap(describeIssue);
  if (parsed.success && faults.length === 0) return parsed.data;
  const message = `The script of the fake model has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`} (docs/fake-model.md):\n${faults.join('\n')}`;
  throw new KaziError('INVALID_CONFIG', { message });
};

/** Names tell conversations apart in the log and in error messages. */
const nameFaults = ({ conversations }: Script): readonly string[] =>
  conversations.flatMap(({ name }, index) =>
    conversations.findIndex((other) => other.name === name) < index
      ? [`conversations[${index}].name: found "${name}" a second time, expected a name of its own.`]
      : [],
  );

const describeIssue = (issue: z.core.$ZodIssue): readonly string[] => {
  const path = showPath(issue.path);
  if (issue.code !== 'unrecognized_keys') return [`${path}: found ${show(issue.input)}, expected ${expected(issue)}.`];
  return issue.keys.map((key) => `${path}: ${describeKey(key)}`);
};

const describeKey = (key: string): string => {
  if (KEYS.includes(key)) return `found the key "${key}", which has its place elsewhere (docs/fake-model.md).`;
  const near = nearestName(key, KEYS);
  const hint = near === null ? 'expected one of docs/fake-model.md.' : `did you mean "${near}"?`;
  return `found the unknown key "${key}", ${hint}`;
};

const expected = (issue: z.core.$ZodIssue): string => {
  switch (issue.code) {
    case 'invalid_type':
      return EXPECTED_TYPES[issue.expected] ?? issue.expected;
    case 'too_small':
      return `at least ${issue.minimum}${unitOf(issue.origin)}`;
    case 'too_big':
      return `at most ${issue.maximum}${unitOf(issue.origin)}`;
    case 'invalid_value':
      return issue.values.map((value) => JSON.stringify(value)).join(' or ');
    case 'invalid_union':
      return 'a JSON value';
    default:
      return issue.message;
  }
};

const EXPECTED_TYPES: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'an object',
  string: 'a text',
};

const unitOf = (origin: string): string => (origin === 'string' ? ' characters' : origin === 'array' ? ' entries' : '');

const showPath = (path: readonly PropertyKey[]): string =>
  path.length === 0
    ? 'script'
    : path
        .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
        .join('')
        .replace(/^\./, '');

const show = (value: unknown): string => {
  if (value === undefined) return 'nothing';
  const shown = JSON.stringify(value);
  return shown.length <= 80 ? shown : `${shown.slice(0, 77)}…`;
};
