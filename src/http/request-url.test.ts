import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pathOf, searchOf, toRouterUrl } from './request-url.ts';

test('the path is escaped once more, the query stays as it is', () => {
  assert.equal(toRouterUrl('/a%2Fb/%zz?c=%20'), '/a%252Fb/%25zz?c=%20');
  assert.equal(toRouterUrl('/a/b?c=d'), '/a/b?c=d');
  assert.equal(decodeURIComponent(toRouterUrl('/%zz')), '/%zz');
});

test('a URL is cut at its first question mark', () => {
  assert.deepEqual([pathOf('/a?b?c'), searchOf('/a?b?c')], ['/a', 'b?c']);
  assert.deepEqual([pathOf('/a'), searchOf('/a'), searchOf('/a?')], ['/a', '', '']);
});
