import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findSchemaFault, type JsonSchema, schemaCompiler } from './json-schema.ts';

const DRAFT_07 = 'http://json-schema.org/draft-07/schema#';

describe('findSchemaFault', () => {
  const good: Readonly<Record<string, JsonSchema>> = {
    'an empty schema': {},
    'a schema of 2020-12 without $schema': { type: 'array', prefixItems: [{ type: 'string' }] },
    'a schema of draft-07 that says so': { $schema: DRAFT_07, type: 'array', items: [{ type: 'string' }] },
    'an unknown format and an unknown keyword': { type: 'string', format: 'postcode', 'x-label': 'Place' },
    'a reference into itself': { $defs: { item: { type: 'string' } }, items: { $ref: '#/$defs/item' } },
    'a property that is called $ref': { properties: { $ref: { type: 'string' } } },
    'an $id of its own': { $id: 'https://example.org/answer', type: 'object' },
  };
  for (const [name, schema] of Object.entries(good)) {
    test(`takes ${name}`, () => assert.equal(findSchemaFault(schema), null));
  }

  const bad: Readonly<Record<string, readonly [JsonSchema, RegExp]>> = {
    'a type that does not exist': [{ type: 'text' }, /^found an invalid JSON Schema, expected .*\/type: must be/],
    'items as a list, which 2020-12 has no more': [{ items: [{ type: 'string' }] }, /\/items: must be object,boolean/],
    'a draft that kazi does not know': [
      { $schema: 'http://json-schema.org/draft-04/schema#' },
      /^found the \$schema "http:\/\/json-schema.org\/draft-04\/schema#", expected "https:.*2020-12.*draft-07/,
    ],
    'a $schema that is no text': [{ $schema: 7 }, /^found the \$schema 7, expected/],
    'a reference to another document': [
      { items: { $ref: 'https://example.org/x.json' } },
      /can't resolve reference https:\/\/example.org\/x.json.*expected one that refers to itself/,
    ],
    'a reference to nothing': [{ $ref: '#/$defs/none' }, /can't resolve reference #\/\$defs\/none/],
    'an asynchronous schema': [{ $async: true, type: 'object' }, /^found the keyword \$async/],
    'a pattern that is no regular expression': [{ type: 'string', pattern: '(' }, /found an invalid|cannot be used/],
    'more than 64 KiB': [{ description: 'x'.repeat(70_000) }, /^found 700\d\d bytes of JSON, expected at most 65536$/],
  };
  for (const [name, [schema, expected]] of Object.entries(bad)) {
    test(`refuses ${name}, and says why`, () => assert.match(findSchemaFault(schema) ?? 'no fault', expected));
  }
});

describe('a compiled schema', () => {
  const compileSchema = schemaCompiler();
  const check = compileSchema({
    type: 'object',
    properties: { name: { type: 'string', format: 'email' }, size: { enum: ['s', 'm'] } },
    required: ['name'],
    additionalProperties: false,
  });

  test('has nothing to say about a value that fits', () => {
    assert.equal(check({ name: 'a@example.org', size: 's' }), null);
  });

  test('lists every fault of a value that does not fit, with its place', () => {
    assert.equal(
      check({ name: 'nobody', size: 'x', stray: 1 }),
      [
        '(root): must NOT have additional properties: "stray"',
        '/name: must match format "email"',
        '/size: must be equal to one of the allowed values: ["s","m"]',
      ].join('\n'),
    );
    assert.equal(check([]), '(root): must be object');
  });

  test('follows the draft that it names', () => {
    const pair = { $schema: DRAFT_07, type: 'array', items: [{ type: 'string' }] };
    assert.equal(compileSchema(pair)([1]), '/0: must be string');
    assert.equal(compileSchema({ type: 'array', prefixItems: [{ type: 'string' }] })([1]), '/0: must be string');
  });

  test('is kept for an equal schema, also when it has an $id', () => {
    const schema = { $id: 'https://example.org/answer', type: 'string' };
    assert.equal(compileSchema({ ...schema }), compileSchema({ ...schema }));
    assert.notEqual(compileSchema({ ...schema, minLength: 1 }), compileSchema(schema));
  });

  test('names at most twenty faults', () => {
    const lines = compileSchema({ items: { type: 'string' } })(Array.from({ length: 50 }, () => 1))?.split('\n');
    assert.deepEqual([lines?.length, lines?.at(-1)], [21, 'and 30 more']);
  });

  test('gives up on a pattern that would never end, instead of holding up the process', () => {
    const said = compileSchema({ type: 'string', pattern: '^(a+)+$' })(`${'a'.repeat(60)}!`);
    assert.equal(said, '(root): could not be checked against the schema (took longer than 1000 ms)');
  });

  test('gives up on a schema that refers to itself without an end', () => {
    assert.match(compileSchema({ $ref: '#' })(1) ?? 'no fault', /could not be checked against the schema/);
  });

  test('says of a schema that cannot be used what is wrong with it', () => {
    assert.match(compileSchema({ type: 'text' })(1) ?? 'no fault', /^The schema cannot be used: found an invalid/);
  });
});
