import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import type { EgressPolicy } from '../../src/core/agent.ts';
import { isKaziError } from '../../src/core/errors.ts';
import type { EgressRequest } from '../../src/egress/egress.ts';
import { createEgress, type EgressOptions, type GuardedEgress } from '../../src/egress/guarded-egress.ts';
import { startSite } from './site.ts';

const LOOPBACK = [{ address: '127.0.0.1', family: 4 }];
const resolveLoopback = async () => LOOPBACK;

const openEgress = (context: TestContext, options: EgressOptions = {}): GuardedEgress => {
  const egress = createEgress({ allowPrivate: true, resolve: resolveLoopback, ...options });
  context.after(() => egress.stop());
  return egress;
};

const hosts = (...names: readonly string[]): EgressPolicy => ({ kind: 'hosts', hosts: names });
const get = (url: string, policy: EgressPolicy, more: Partial<EgressRequest> = {}): EgressRequest => ({
  url,
  policy,
  signal: new AbortController().signal,
  ...more,
});
const isRefused = (reason: RegExp) => (error: unknown) => {
  assert.ok(isKaziError(error, 'EGRESS_REFUSED'), String(error));
  assert.match(error.message, reason);
  return true;
};

describe('egress to a private address', () => {
  test('is opened by the operator together with a policy that lists the host, and by nothing less', async (t) => {
    const site = await startSite(t, (_request, response) => response.end('hello'));
    const url = `http://site.test:${site.port}/`;
    const open = openEgress(t);
    assert.equal(await (await open.fetch(get(url, hosts('site.test')))).text(), 'hello');
    const literal = `http://127.0.0.1:${site.port}/`;
    assert.equal(await (await open.fetch(get(literal, hosts('127.0.0.1')))).text(), 'hello');
    assert.equal(site.seen.length, 2);
    const shut = openEgress(t, { allowPrivate: false });
    await assert.rejects(shut.fetch(get(url, hosts('site.test'))), isRefused(/loopback/));
    await assert.rejects(shut.fetch(get(url, hosts('other.test'))), isRefused(/allows other\.test/));
    await assert.rejects(shut.fetch(get(url, { kind: 'none' })), isRefused(/allows no host/));
    await assert.rejects(open.fetch(get(url, { kind: 'public' })), isRefused(/loopback/));
    await assert.rejects(open.fetch(get(url, hosts('*.test'))), isRefused(/loopback/));
    await assert.rejects(open.fetch(get(url, hosts('other.test'))), isRefused(/allows other\.test/));
    await assert.rejects(open.fetch(get(url, { kind: 'none' })), isRefused(/allows no host/));
    assert.equal(site.seen.length, 2);
  });

  test('is refused in every spelling', async (t) => {
    const site = await startSite(t, (_request, response) => response.end());
    // The system's resolver, for localhost.
    const egress = createEgress({ allowPrivate: true });
    t.after(() => egress.stop());
    for (const host of [
      ...['127.0.0.1', '127.1', '2130706433', '0x7f000001', '017700000001', '0177.0.0.1', '127.0.0.1.', '①②⑦.0.0.1'],
      ...['[::1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::127.0.0.1]', '[64:ff9b::7f00:1]', '[2002:7f00:1::]'],
      ...['localhost', 'LOCALHOST', '0.0.0.0', '0', '[::]'],
    ]) {
      await assert.rejects(
        egress.fetch(get(`http://${host}:${site.port}/`, { kind: 'public' })),
        isRefused(/its host has /),
        host,
      );
    }
    assert.equal(site.seen.length, 0);
  });

  test('is never opened for cloud metadata', async (t) => {
    const egress = openEgress(t);
    for (const host of ['169.254.169.254', '[fd00:ec2::254]', '[::ffff:169.254.169.254]', 'metadata.google.internal']) {
      await assert.rejects(egress.fetch(get(`http://${host}/`, hosts(host))), isRefused(/metadata/));
    }
  });

  test('is refused when a name has a public one as well', async (t) => {
    const egress = openEgress(t, { resolve: async () => [{ address: '1.1.1.1', family: 4 }, ...LOOPBACK] });
    await assert.rejects(egress.fetch(get('http://mixed.test/', { kind: 'public' })), isRefused(/loopback/));
  });
});

describe('egress', () => {
  test('connects to the address that it checked, whatever the name means a moment later', async (t) => {
    const site = await startSite(t, (_request, response) => response.end('checked'));
    const trap = await startSite(t, (_request, response) => response.end('trap'), '127.0.0.2');
    const answers = [LOOPBACK, [{ address: '127.0.0.2', family: 4 }]];
    const asked: string[] = [];
    const egress = openEgress(t, {
      resolve: async (hostname) => {
        asked.push(hostname);
        return answers[asked.length - 1] ?? [];
      },
    });
    const response = await egress.fetch(get(`http://rebind.test:${site.port}/`, hosts('rebind.test')));
    assert.equal(await response.text(), 'checked');
    assert.deepEqual(asked, ['rebind.test']);
    assert.equal(site.seen[0]?.headers.host, `rebind.test:${site.port}`);
    assert.equal(trap.seen.length, 0);
  });

  test('names the host in TLS, not the address', async (t) => {
    const names: string[] = [];
    const server = createTlsServer({
      SNICallback: (name, callback) => {
        names.push(name);
        callback(new Error('no certificate here'));
      },
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    await assert.rejects(openEgress(t).fetch(get(`https://secure.test:${port}/`, hosts('secure.test'))));
    assert.deepEqual(names, ['secure.test']);
  });

  test('refuses what is no plain http or https URL, without showing its secrets', async (t) => {
    const egress = openEgress(t);
    const anywhere: EgressPolicy = { kind: 'public' };
    for (const url of ['ftp://example.org/', 'file:///etc/passwd', 'data:text/plain,x', 'example.org', '', '/path']) {
      await assert.rejects(egress.fetch(get(url, anywhere)), isRefused(/scheme|absolute URL/), url);
    }
    const secret = 'https://name:hunter2@example.org/path?key=hunter2#hunter2';
    await assert.rejects(egress.fetch(get(secret, anywhere)), (error) => {
      assert.ok(isKaziError(error, 'EGRESS_REFUSED'));
      assert.doesNotMatch(JSON.stringify([error.message, error.details]), /hunter2/);
      assert.match(error.message, /"https:\/\/example\.org\/path"/);
      return true;
    });
  });

  test('refuses headers that would redirect the request to another host', async (t) => {
    const request = get('http://site.test/', hosts('site.test'), { headers: { Host: 'admin.test' } });
    await assert.rejects(openEgress(t).fetch(request), isRefused(/header "Host"/));
  });

  test('passes on what the resolver and the network say', async (t) => {
    const egress = openEgress(t, {
      resolve: (hostname) => Promise.reject(new Error(`getaddrinfo ENOTFOUND ${hostname}`)),
    });
    await assert.rejects(egress.fetch(get('http://gone.test/', { kind: 'public' })), /ENOTFOUND gone\.test/);
    const vacant = createServer().listen(0, '127.0.0.1');
    await once(vacant, 'listening');
    const { port } = vacant.address() as AddressInfo;
    vacant.close();
    await once(vacant, 'close');
    await assert.rejects(openEgress(t).fetch(get(`http://site.test:${port}/`, hosts('site.test'))), (error) => {
      assert.match(String((error as Error).cause), /ECONNREFUSED/);
      return true;
    });
  });

  test('ends a request that is aborted, also while the name is being resolved', async (t) => {
    const abort = new AbortController();
    const silent = await startSite(t, () => abort.abort(new Error('enough')));
    const request = get(`http://site.test:${silent.port}/`, hosts('site.test'), { signal: abort.signal });
    await assert.rejects(openEgress(t).fetch(request), /enough/);
    const resolving = new AbortController();
    const egress = openEgress(t, {
      resolve: () => {
        resolving.abort(new Error('too slow'));
        return new Promise(() => undefined);
      },
    });
    const slow = get('http://site.test/', { kind: 'public' }, { signal: resolving.signal });
    await assert.rejects(egress.fetch(slow), /too slow/);
  });

  test('gives up on a server that stays silent', async (t) => {
    const silent = await startSite(t, () => undefined);
    const request = get(`http://site.test:${silent.port}/`, hosts('site.test'), { silenceMs: 100 });
    await assert.rejects(openEgress(t).fetch(request), (error) => {
      assert.match(String((error as Error).cause), /Headers Timeout/);
      return true;
    });
  });

  test('holds no connection once the body is read, and ends open bodies when it stops', async (t) => {
    const site = await startSite(t, (request, response) => {
      response.write('begin');
      if (request.url === '/short') response.end();
    });
    const egress = openEgress(t);
    const closed = new Promise((resolve) => {
      site.server.once('connection', (socket) => socket.once('close', resolve));
    });
    const short = await egress.fetch(get(`http://site.test:${site.port}/short`, hosts('site.test')));
    assert.equal(await short.text(), 'begin');
    await closed;
    const endless = await egress.fetch(get(`http://site.test:${site.port}/endless`, hosts('site.test')));
    const text = endless.text();
    await Promise.all([assert.rejects(text), egress.stop()]);
  });
});

describe('a redirect', () => {
  test('is followed on the same origin with all headers, and changes a POST to a GET where the web does', async (t) => {
    const site = await startSite(t, (request, response) => {
      const status = Number(/^\/(30\d)$/.exec(request.url ?? '')?.[1] ?? 200);
      response.writeHead(status, status === 200 ? {} : { location: '/end' }).end('end');
    });
    const egress = openEgress(t);
    for (const [status, method, body] of [
      [301, 'GET', ''],
      [302, 'GET', ''],
      [303, 'GET', ''],
      [307, 'POST', 'content'],
      [308, 'POST', 'content'],
    ] as const) {
      site.seen.length = 0;
      const response = await egress.fetch(
        get(`http://site.test:${site.port}/${status}`, hosts('site.test'), {
          method: 'POST',
          headers: { authorization: 'Bearer x', 'content-type': 'text/plain' },
          body: 'content',
        }),
      );
      assert.equal(await response.text(), 'end');
      assert.equal(response.url, `http://site.test:${site.port}/end`);
      const last = site.seen.at(-1);
      assert.deepEqual([last?.method, last?.body, last?.headers.authorization], [method, body, 'Bearer x']);
      assert.equal(last?.headers['content-type'], body === '' ? undefined : 'text/plain');
    }
  });

  test('to another origin leaves credentials behind', async (t) => {
    const target = await startSite(t, (_request, response) => response.end('end'));
    const site = await startSite(t, (_request, response) => {
      response.writeHead(307, { location: `http://other.test:${target.port}/` }).end();
    });
    const headers = { Authorization: 'Bearer x', Cookie: 'a=b', 'X-Api-Key': 'x', Accept: 'text/html' };
    const response = await openEgress(t).fetch(
      get(`http://site.test:${site.port}/`, hosts('site.test', 'other.test'), { headers }),
    );
    await response.text();
    assert.deepEqual(
      ['authorization', 'cookie', 'x-api-key', 'accept'].map((name) => site.seen[0]?.headers[name]),
      ['Bearer x', 'a=b', 'x', 'text/html'],
    );
    assert.deepEqual(
      ['authorization', 'cookie', 'x-api-key', 'accept'].map((name) => target.seen[0]?.headers[name]),
      [undefined, undefined, undefined, 'text/html'],
    );
  });

  test('is held to the policy and to the addresses like the first request', async (t) => {
    const inner = await startSite(t, (_request, response) => response.end('secret'), '127.0.0.2');
    const resolve = async (hostname: string) => [
      { address: hostname === 'site.test' ? '127.0.0.1' : '127.0.0.2', family: 4 },
    ];
    for (const [location, reason] of [
      [`http://127.0.0.2:${inner.port}/`, /loopback|allows/],
      [`http://inner.test:${inner.port}/`, /loopback|allows/],
      ['http://169.254.169.254/latest/meta-data/', /metadata|allows/],
      ['file:///etc/passwd', /scheme "file:"/],
      [`http://user:pass@site.test:${inner.port}/`, /user or password/],
    ] as const) {
      const site = await startSite(t, (_request, response) => response.writeHead(302, { location }).end());
      const egress = openEgress(t, { resolve });
      const request = get(`http://site.test:${site.port}/`, hosts('site.test', '*.test'));
      await assert.rejects(egress.fetch(request), isRefused(reason), location);
      assert.equal(site.seen.length, 1);
    }
    assert.equal(inner.seen.length, 0);
  });

  test('is followed a limited number of times, and handed over when the caller asks for none', async (t) => {
    const site = await startSite(t, (_request, response) => response.writeHead(302, { location: '/again' }).end());
    const egress = openEgress(t);
    const url = `http://site.test:${site.port}/`;
    await assert.rejects(egress.fetch(get(url, hosts('site.test'))), isRefused(/more than 5 redirects/));
    assert.equal(site.seen.length, 6);
    const handed = await egress.fetch(get(url, hosts('site.test'), { maxRedirects: 0 }));
    await handed.body?.cancel();
    assert.deepEqual([handed.status, handed.headers.get('location')], [302, '/again']);
  });
});
