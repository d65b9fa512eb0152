import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { canonicalJson } from './canonical-json.ts';

describe('canonical JSON', () => {
  test('sorts keys at every depth, has no spaces, and escapes what is not ASCII', () => {
    const value = { b: [{ z: 1, a: 'ü💡\u007f\n' }], a: null, 10: 1, 9: 2, B: true, left: undefined };
    assert.equal(
      canonicalJson(value),
      '{"10":1,"9":2,"B":true,"a":null,"b":[{"a":"\\u00fc\\ud83d\\udca1\\u007f\\n","z":1}]}',
    );
  });

  test('sorts by code point, not by UTF-16 unit', () => {
    assert.equal(canonicalJson({ '\u{1f600}': 1, '\uff5e': 2 }), '{"\\uff5e":2,"\\ud83d\\ude00":1}');
  });

  test('means the same value as any other JSON of it, in one spelling, in ASCII', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)));
        assert.equal(canonicalJson(JSON.parse(text)), text);
        assert.match(text, /^[\x20-\x7e]*$/);
      }),
    );
  });

  test('leaves a key called __proto__ a key', () => {
    assert.equal(canonicalJson(JSON.parse('{"__proto__":{"b":1},"a":2}')), '{"__proto__":{"b":1},"a":2}');
  });
});
