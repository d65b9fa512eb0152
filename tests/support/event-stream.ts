import assert from 'node:assert/strict';
import { EventSourceParserStream } from 'eventsource-parser/stream';

/** One event as a stream carries it. */
export interface StreamedEvent {
  readonly seq: number;
  readonly type: string;
  readonly job_id: string;
  readonly at: number;
  readonly data: Readonly<Record<string, unknown>>;
  readonly message: unknown;
}

export interface StreamRequest {
  readonly url: string;
  readonly credential: string;
  readonly jobId: string;
  /** Sent as Last-Event-ID; none when absent. */
  readonly afterSeq?: number;
  /** Hangs up after so many events. */
  readonly take?: number;
}

/** Reads a job's events until the server ends the stream, or until enough have come. */
export const readStream = async (request: StreamRequest): Promise<StreamedEvent[]> => {
  const gone = new AbortController();
  const headers: Record<string, string> = {
    authorization: `Bearer ${request.credential}`,
    accept: 'text/event-stream',
  };
  if (request.afterSeq !== undefined) headers['last-event-id'] = String(request.afterSeq);
  const response = await fetch(`${request.url}/jobs/${request.jobId}/events`, { headers, signal: gone.signal });
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
  assert.ok(response.body);
  const events: StreamedEvent[] = [];
  for await (const message of response.body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream())) {
    const event = JSON.parse(message.data) as StreamedEvent;
    assert.deepEqual([message.id, message.event], [String(event.seq), event.type]);
    events.push(event);
    if (events.length === request.take) break;
  }
  gone.abort();
  return events;
};
