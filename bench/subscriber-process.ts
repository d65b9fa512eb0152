/** The process of bench/subscribers.ts: takes its order as its first message, says "connected", and reports when asked. */
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import type { SubscriberOrder, SubscriberReport } from './subscribers.ts';

const MAX_DELAY_MS = 10_000;
const AT_ONCE = 50;

const say = (message: unknown): void => {
  process.send?.(message);
};

const authorization = (apiKey: string): Readonly<Record<string, string>> => ({ authorization: `Bearer ${apiKey}` });

const openSocket = async ({ url, apiKey }: SubscriberOrder, path: string): Promise<void> => {
  const socket = new WebSocket(new URL(path, url.replace(/^http/, 'ws')), { headers: authorization(apiKey) });
  await once(socket, 'message');
};

/** What one process of SSE subscribers counts together. */
class Tally {
  readonly counts: number[] = [];
  readonly delays: number[] = Array.from({ length: MAX_DELAY_MS + 1 }, () => 0);
  readonly ends: Promise<unknown>[] = [];
  disorders = 0;

  follow(response: IncomingMessage): void {
    const place = this.counts.push(0) - 1;
    let rest = '';
    let last = 0;
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      const now = Date.now();
      const text = rest + chunk;
      let from = 0;
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n', from)) {
        const seq = this.#take(text.slice(from, end), now);
        if (seq !== null) {
          if (seq <= last) this.disorders += 1;
          last = seq;
          this.counts[place] = (this.counts[place] ?? 0) + 1;
        }
        from = end + 2;
      }
      rest = text.slice(from);
    });
    this.ends.push(once(response, 'end'));
  }

  /** Seq of an event; null for a comment, or the cursor at the end. The JSON is not parsed: that would be most of the work. */
  #take(frame: string, now: number): number | null {
    const at = frame.indexOf('"at":');
    if (!frame.startsWith('id: ') || at < 0) return null;
    // The first events are older than their subscribers.
    if (frame.includes('event: output.written')) {
      const delay = Math.min(MAX_DELAY_MS, Math.max(0, now - Number.parseInt(frame.slice(at + 5, at + 20), 10)));
      this.delays[delay] = (this.delays[delay] ?? 0) + 1;
    }
    return Number.parseInt(frame.slice(4), 10);
  }
}

const openStream = async ({ url, apiKey }: SubscriberOrder, path: string, tally: Tally): Promise<void> => {
  const request = get(new URL(path, url), { agent: false, headers: authorization(apiKey) });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`${path} answered ${response.statusCode}`);
  tally.follow(response);
};

const [order] = (await once(process, 'message')) as [SubscriberOrder];
const tally = new Tally();
let next = 0;
const connect = async (): Promise<void> => {
  for (let path = order.paths[next++]; path !== undefined; path = order.paths[next++]) {
    await (order.kind === 'idle' ? openSocket(order, path) : openStream(order, path, tally));
  }
};
await Promise.all(Array.from({ length: AT_ONCE }, connect));
say('connected');
await once(process, 'message');
await Promise.all(tally.ends);
const report: SubscriberReport = { counts: tally.counts, disorders: tally.disorders, delays: tally.delays };
say(report);
await once(process, 'disconnect');
