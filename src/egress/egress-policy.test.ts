import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { judgeByPolicy } from './egress-policy.ts';

const judge = (url: string, hosts: readonly string[]): string => {
  const verdict = judgeByPolicy(new URL(url), { kind: 'hosts', hosts });
  return verdict.isAllowed ? (verdict.namesHost ? 'name' : 'wildcard') : 'refused';
};

describe('an egress policy', () => {
  for (const [url, hosts, expected] of [
    ['https://example.org/a', ['example.org'], 'name'],
    ['https://EXAMPLE.org./a', ['Example.ORG'], 'name'],
    ['https://example.org:8443/', ['example.org'], 'name'],
    ['https://example.org/', ['example.org:443'], 'name'],
    ['http://example.org/', ['example.org:443'], 'refused'],
    ['http://example.org:80/', ['example.org:80'], 'name'],
    ['https://a.example.org/', ['example.org'], 'refused'],
    ['https://a.b.example.org/', ['*.example.org'], 'wildcard'],
    ['https://example.org/', ['*.example.org'], 'refused'],
    ['https://notexample.org/', ['*.example.org'], 'refused'],
    ['https://example.org.evil.test/', ['example.org', '*.example.org'], 'refused'],
    ['https://a.example.org:9000/', ['*.example.org:9000'], 'wildcard'],
    ['https://a.example.org/', ['*.example.org', 'a.example.org'], 'name'],
    ['http://xn--mnchen-3ya.de/', ['münchen.de'], 'name'],
    ['http://127.0.0.1/', ['127.0.0.1'], 'name'],
    ['http://2130706433/', ['127.0.0.1'], 'name'],
    ['http://0x7f.1/', ['127.0.0.1:80'], 'name'],
    ['http://[::1]:90/', ['::1'], 'name'],
    ['http://[::1]:90/', ['[::1]:90'], 'name'],
    ['http://[::1]:90/', ['[::1]:91'], 'refused'],
    ['https://example.org/', [], 'refused'],
    ['https://example.org/', ['*', '', 'https://example.org', 'example.org/a', '*.*'], 'refused'],
  ] as const) {
    test(`with [${hosts.join(' ')}] answers ${url} with "${expected}"`, () => {
      assert.equal(judge(url, hosts), expected);
    });
  }

  test('never lets a metadata server through by its name', () => {
    for (const url of ['http://metadata.google.internal/', 'http://METADATA.google.internal./', 'http://metadata/']) {
      assert.equal(judge(url, [new URL(url).hostname]), 'refused');
      assert.equal(judgeByPolicy(new URL(url), { kind: 'public' }).isAllowed, false);
    }
  });

  test('of no host allows nothing, and of the public anything', () => {
    assert.equal(judgeByPolicy(new URL('https://example.org'), { kind: 'none' }).isAllowed, false);
    assert.deepEqual(judgeByPolicy(new URL('https://example.org'), { kind: 'public' }), {
      isAllowed: true,
      namesHost: false,
    });
  });
});
