import type { SchemaCheck } from '../../core/json-schema.ts';

/** An answer that had to be JSON of a schema. */
export type StructuredAnswer = { readonly value: unknown } | { readonly fault: string };

/** Reads the JSON of an answer, also out of a code fence, and checks it. The fault is written for the model and for people. */
export const readStructuredAnswer = (text: string, check: SchemaCheck): StructuredAnswer => {
  const bare = /^\s*```[a-z]*\s*\n([\s\S]*?)\n?\s*```\s*$/.exec(text)?.[1] ?? text;
  let value: unknown;
  try {
    value = JSON.parse(bare);
  } catch (error) {
    const found = text.trim() === '' ? 'found nothing' : `found "${text.trim().slice(0, 80)}"`;
    return { fault: `The answer is not JSON: ${found}, ${error instanceof Error ? error.message : String(error)}` };
  }
  const fault = check(value);
  return fault === null ? { value } : { fault: `The answer does not fit the schema:\n${fault}` };
};
