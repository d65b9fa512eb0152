import type { JobView } from '../../../actions/read-job.ts';
import type { SessionEvent } from '../../../core/event.ts';
import type { OwnedRecord } from '../../../core/ownership.ts';
import { type FrameContent, needsJob, toContent } from './frames.ts';

/** Where a frame stands in a session's log: its event, and which frame of that event it is, from 1. */
export interface FramePlace {
  readonly seq: number;
  readonly part: number;
}

/** A frame of the log as it is sent, to as many as follow it. */
export class LogFrame {
  readonly place: FramePlace;
  /** Who owns the job that it tells of; null for what everybody may know who may read the session. */
  readonly job: OwnedRecord | null;
  readonly #text: string;
  #plain: Buffer | undefined;
  #resumable: Buffer | undefined;

  constructor(text: string, place: FramePlace, job: OwnedRecord | null) {
    this.#text = text;
    this.place = place;
    this.job = job;
  }

  /** The frame with its cursor where the client asked for one: the frames of the contract have no other key. */
  bytes(isResumable: boolean): Buffer {
    if (!isResumable) return (this.#plain ??= Buffer.from(this.#text));
    const { seq, part } = this.place;
    return (this.#resumable ??= Buffer.from(`${this.#text.slice(0, -1)},"seq":${seq},"cursor":"${seq}.${part}"}`));
  }
}

/** A frame that stands in no log. */
export const encodeFrame = (sessionId: string, { type, data }: FrameContent, at: Date = new Date()): string =>
  JSON.stringify({ type, session_id: sessionId, timestamp: at.getTime(), data });

const NONE: readonly LogFrame[] = [];

/** Turns events into frames; an event that goes to many sockets is translated and encoded once. */
export class LogTranslator {
  readonly #load: (jobId: string) => Promise<JobView | undefined>;
  readonly #frames = new WeakMap<SessionEvent, Promise<readonly LogFrame[]>>();

  constructor(load: (jobId: string) => Promise<JobView | undefined>) {
    this.#load = load;
  }

  /** Those of the session, then those that only the event bus carries. */
  async translate(sessionId: string, event: SessionEvent): Promise<readonly LogFrame[]> {
    if (event.type === 'message.delta') return NONE;
    const known = this.#frames.get(event);
    if (known) return await known;
    const made = this.#make(sessionId, event);
    this.#frames.set(event, made);
    // A database that was away is asked again by the next one.
    made.catch(() => this.#frames.delete(event));
    return await made;
  }

  async #make(sessionId: string, event: SessionEvent): Promise<readonly LogFrame[]> {
    const view = needsJob(event) && event.jobId !== null ? await this.#load(event.jobId) : undefined;
    const { session, job } = toContent(event, view);
    const owner = view && { sessionId: view.job.sessionId, userId: view.job.userId, tenantId: view.job.tenantId };
    return [
      ...session.map((content) => ({ content, record: null })),
      ...job.map((content) => ({ content, record: owner ?? null })),
    ].map(
      ({ content, record }, place) =>
        new LogFrame(encodeFrame(sessionId, content, event.at), { seq: event.seq, part: place + 1 }, record),
    );
  }
}
