import { Ajv, type ErrorObject } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { LRUCache } from 'lru-cache';
import { limitTime } from './within-time.ts';

/** A JSON Schema object as a client wrote it; whether it is a valid one is checked where it is taken in. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Null when the value fits; otherwise its faults, one a line, each with the place where it is. */
export type SchemaCheck = (value: unknown) => string | null;

const MAX_SCHEMA_BYTES = 65_536;
const MAX_FAULTS = 20;
/** Far above what real schemas take (below 100 ms); the pattern of a schema may take for ever. */
const TIMEOUT_MS = 1_000;
const COMPILED_SCHEMAS = 100;

/**
 * What is wrong with a schema of draft-07 or 2020-12 (which `$schema` decides; 2020-12 without it), as the end of a
 * sentence "found …, expected …"; null for one that compileSchema takes. References into other documents are refused.
 */
export const findSchemaFault = (schema: JsonSchema): string | null => {
  const bytes = Buffer.byteLength(JSON.stringify(schema));
  if (bytes > MAX_SCHEMA_BYTES) return `found ${bytes} bytes of JSON, expected at most ${MAX_SCHEMA_BYTES}`;
  const ajv = newAjv(schema);
  if (ajv === null) {
    const found = JSON.stringify(schema['$schema']);
    return `found the $schema ${found}, expected "${DRAFT_2020}" or "${DRAFT_07}"; leave it out for 2020-12`;
  }
  if ('$async' in schema) return 'found the keyword $async, expected a schema without it';
  try {
    return limitTime(TIMEOUT_MS)(() => {
      if (ajv.validateSchema(schema) !== true) {
        return `found an invalid JSON Schema, expected a valid one: ${describeFaults(ajv.errors ?? [], '; ')}`;
      }
      ajv.compile(schema);
      return null;
    });
  } catch (error) {
    return `found a JSON Schema that cannot be used (${reasonOf(error)}), expected one that refers to itself only, as in "#/$defs/item"`;
  }
};

/**
 * Gives `compileSchema`, which keeps what it compiled: make one for the process. It takes schemas in which findSchemaFault
 * found nothing; any other one fits no value, and the check says why.
 */
export const schemaCompiler = (): ((schema: JsonSchema) => SchemaCheck) => {
  const compiled = new LRUCache<string, SchemaCheck>({ max: COMPILED_SCHEMAS });
  const withinTime = limitTime(TIMEOUT_MS);
  return (schema) => {
    const key = JSON.stringify(schema);
    const known = compiled.get(key);
    if (known) return known;
    const check = compile(schema, withinTime);
    compiled.set(key, check);
    return check;
  };
};

const compile = (schema: JsonSchema, withinTime: ReturnType<typeof limitTime>): SchemaCheck => {
  const fault = findSchemaFault(schema);
  if (fault !== null) return () => `The schema cannot be used: ${fault}`;
  const validate = newAjv(schema)?.compile(schema);
  return (value) => {
    try {
      return withinTime(() => (validate?.(value) === true ? null : describeFaults(validate?.errors ?? [], '\n')));
    } catch (error) {
      return `(root): could not be checked against the schema (${reasonOf(error)})`;
    }
  };
};

const DRAFT_2020 = 'https://json-schema.org/draft/2020-12/schema';
const DRAFT_07 = 'http://json-schema.org/draft-07/schema#';

/** A new one for each schema: it keeps every schema that it has seen, and refuses a second one of the same $id. */
const newAjv = (schema: JsonSchema): Ajv | Ajv2020 | null => {
  const dialect = schema['$schema'] ?? DRAFT_2020;
  if (typeof dialect !== 'string') return null;
  const name = dialect.replace(/^https?:/, '').replace(/#$/, '');
  // Not strict: keywords and formats that it does not know are annotations, as the standard says.
  const options = { strict: false, allErrors: true, logger: false } as const;
  const ajv =
    name === '//json-schema.org/draft/2020-12/schema'
      ? new Ajv2020(options)
      : name === '//json-schema.org/draft-07/schema'
        ? new Ajv({ ...options, defaultMeta: DRAFT_07.replace('#', '') })
        : null;
  if (ajv) addFormats.default(ajv);
  return ajv;
};

const describeFaults = (errors: readonly ErrorObject[], separator: string): string => {
  const lines = errors.map(({ instancePath, message, params }) => {
    const extra: unknown = params['additionalProperty'] ?? params['unevaluatedProperty'] ?? params['allowedValues'];
    const detail = extra === undefined ? '' : `: ${JSON.stringify(extra)}`;
    return `${instancePath || '(root)'}: ${message ?? 'does not fit'}${detail}`;
  });
  const unique = [...new Set(lines)];
  const more = unique.length - MAX_FAULTS;
  return [...unique.slice(0, MAX_FAULTS), ...(more > 0 ? [`and ${more} more`] : [])].join(separator);
};

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
