import { KaziError } from '../../core/errors.ts';
import { findSchemaFault, type JsonSchema } from '../../core/json-schema.ts';
import type { WorkerChange } from '../../storage/workers.ts';
import { findJsonFault } from '../plain-json.ts';
import { invalid, parseObject, readText } from './body.ts';

const DRAFT_07 = /^https?:\/\/json-schema\.org\/draft-07\/schema#?$/;

/** The body of PATCH (section 10); unknown keys are ignored. Throws INVALID_JSON, INVALID_REQUEST, VISIBILITY_UNSUPPORTED. */
export const parseChange = (bytes: Buffer | undefined): WorkerChange => {
  const body = parseObject(bytes);
  const title = readBounded(body, 'title', { least: 1, most: 200 });
  const summary = readBounded(body, 'summary', { least: 0, most: 80 });
  const instructions = readBounded(body, 'instructions', { least: 0, most: 20_000 });
  const outputSchema = readSchema(body['outputSchema']);
  checkVisibility(body['visibility']);
  const settings = {
    ...(instructions === undefined ? {} : { instructions }),
    ...(outputSchema === undefined ? {} : { outputSchema }),
  };
  return { title, summary, settings: Object.keys(settings).length === 0 ? undefined : settings };
};

const readBounded = (
  body: Readonly<Record<string, unknown>>,
  name: string,
  { least, most }: { readonly least: number; readonly most: number },
): string | undefined => {
  const value = body[name];
  if (value === undefined) return undefined;
  const length = typeof value === 'string' ? value.length : -1;
  if (typeof value !== 'string' || length < least || length > most) {
    throw invalid(`${name} must be a string of ${least} to ${most} characters`);
  }
  return readText(name, value);
};

/** Without a `$schema` it is one of Draft-07 here, and is kept as such. */
const readSchema = (value: unknown): JsonSchema | null | undefined => {
  if (value === undefined || value === null) return value;
  if (typeof value !== 'object' || Array.isArray(value))
    throw invalid('outputSchema must be a JSON Schema object or null');
  const schema = value as JsonSchema;
  const { $schema = 'http://json-schema.org/draft-07/schema#' } = schema;
  if (typeof $schema !== 'string' || !DRAFT_07.test($schema)) {
    throw invalid('outputSchema must be a JSON Schema of Draft-07');
  }
  const fault = findJsonFault(schema) ?? findSchemaFault({ ...schema, $schema });
  if (fault !== null) throw invalid(`outputSchema: ${fault}`);
  return schema;
};

const checkVisibility = (visibility: unknown): void => {
  if (visibility === undefined || visibility === 'private') return;
  if (visibility === 'public') throw new KaziError('VISIBILITY_UNSUPPORTED', { visibility });
  throw invalid('visibility must be one of private, public');
};
