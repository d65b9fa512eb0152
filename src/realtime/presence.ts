import type { Logger } from 'pino';
import { nameHint } from '../core/name-hint.ts';
import type { Principal } from '../core/principal.ts';
import { type Database, isDatabaseUnavailable } from '../storage/database.ts';
import { findSessions } from '../storage/existing-sessions.ts';
import { EVERYTHING, type Notifications } from '../storage/notifications.ts';
import {
  listPresence,
  type PresentMember,
  prunePresence,
  removePresence,
  renewPresence,
  writePresence,
} from '../storage/presence.ts';

import { every } from './every.ts';
import { type BusState, type PresenceView, usersOf, viewsFor } from './presence-view.ts';

export interface PresenceOptions {
  readonly db: Database;
  readonly notifications: Notifications;
  readonly log: Logger;
  /** How often a node says that it lives; it is taken for dead after three times as long. */
  readonly renewMs: number;
}

/** One connection to a bus. */
export interface PresenceSeat {
  readonly principal: Principal;
  /** Sessions that it follows. */
  readonly sessions: Set<string>;
  readonly onChange: (view: PresenceView) => void;
}

interface Bus {
  readonly tenantId: string;
  readonly seats: Set<PresenceSeat>;
  /** Resolves once the other nodes' members are known. */
  readonly loaded: Promise<void>;
  remote: readonly PresentMember[];
  /** Users as they were told last. */
  users: readonly string[];
  toldAt: number;
  telling: NodeJS.Timeout | undefined;
}

/** A bus tells of its changes this often at most, and more seldom the more connections have to be told. */
const TELL_MS = 100;
const TELL_MS_PER_SEAT = 0.2;
/** Sessions of one bus that are told of. */
const TOLD_SESSIONS = 1_000;
/** Users that are told of one by one when many come or go at once. */
const TOLD_USERS = 20;
const WRITE_MS = 20;
const LIVES = 3;

/** Who is connected to which event bus, on all nodes. What a node holds is in its rows; notifications say when to look. */
export class Presence {
  readonly #options: PresenceOptions;
  readonly #holder = crypto.randomUUID();
  readonly #buses = new Map<string, Bus>();
  readonly #byHint = new Map<string, string>();
  readonly #dirty = new Set<string>();
  readonly #stopping = new AbortController();
  #writing: Promise<void> | undefined;
  #polling: Promise<void> | undefined;
  #unsubscribe: (() => void) | undefined;

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#polling || this.#stopping.signal.aborted) return;
    const { notifications, renewMs } = this.#options;
    this.#unsubscribe = notifications.subscribe('presence', (hint) => {
      const names = hint === EVERYTHING ? [...this.#buses.keys()] : [this.#byHint.get(hint) ?? ''];
      void this.#reload(names);
    });
    this.#polling = every(renewMs, this.#stopping.signal, async () => await this.#renew());
  }

  /** Takes this node's connections off all buses. Safe twice. */
  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    this.#stopping.abort();
    this.#unsubscribe?.();
    for (const bus of this.#buses.values()) clearTimeout(bus.telling);
    await this.#polling;
    await this.#writing;
    await this.#guard(async () => await removePresence(this.#options.db, this.#holder, null));
    for (const name of this.#buses.keys()) this.#options.notifications.publish('presence', nameHint(name));
  }

  /** Takes a seat on a bus; everybody on it is told. Returns the function that leaves it. */
  async join(name: string, seat: PresenceSeat): Promise<() => void> {
    const bus = this.#buses.get(name) ?? this.#open(name, seat.principal.tenantId);
    bus.seats.add(seat);
    await bus.loaded;
    this.changed(name);
    return () => {
      bus.seats.delete(seat);
      this.changed(name);
    };
  }

  /** To be called after a seat of the bus follows other sessions: tells everybody on it. */
  changed(name: string): void {
    const bus = this.#buses.get(name);
    if (!bus || this.#stopping.signal.aborted) return;
    if (bus.seats.size === 0) {
      clearTimeout(bus.telling);
      this.#buses.delete(name);
      this.#byHint.delete(nameHint(name));
    }
    this.#dirty.add(name);
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    this.#tellSoon(bus);
  }

  #open(name: string, tenantId: string): Bus {
    const { promise, resolve } = Promise.withResolvers<void>();
    const bus: Bus = {
      tenantId,
      seats: new Set(),
      loaded: promise,
      remote: [],
      users: [],
      toldAt: 0,
      telling: undefined,
    };
    this.#buses.set(name, bus);
    this.#byHint.set(nameHint(name), name);
    void this.#reload([name]).then(() => {
      bus.users = usersOf(bus.remote);
      resolve();
    });
    return bus;
  }

  #tellSoon(bus: Bus): void {
    if (bus.telling !== undefined || bus.seats.size === 0) return;
    const gapMs = TELL_MS + bus.seats.size * TELL_MS_PER_SEAT;
    const waitMs = Math.max(0, bus.toldAt + gapMs - performance.now());
    bus.telling = setTimeout(() => {
      bus.telling = undefined;
      bus.toldAt = performance.now();
      void this.#guard(async () => await this.#tell(bus));
    }, waitMs);
  }

  async #tell(bus: Bus): Promise<void> {
    const members = [...bus.remote, ...localMembers(bus)];
    const ids = [...new Set(members.flatMap(({ sessions }) => sessions))].slice(0, TOLD_SESSIONS);
    const found =
      ids.length === 0
        ? []
        : await findSessions(
            this.#options.db,
            ids.map((id) => ({ tenantId: bus.tenantId, id })),
          );
    const told = new Set(ids);
    const state: BusState = {
      members: members.map((member) => ({ ...member, sessions: member.sessions.filter((id) => told.has(id)) })),
      sessions: new Map(found.map((session) => [session.id, session])),
    };
    const users = usersOf(members);
    const joined = users.filter((user) => !bus.users.includes(user)).slice(0, TOLD_USERS);
    const left = bus.users.filter((user) => !users.includes(user)).slice(0, TOLD_USERS);
    bus.users = users;
    // Receivers that may read the same share one view, and so one frame.
    const views = new Map<string, readonly PresenceView[]>();
    for (const { principal, onChange } of bus.seats) {
      const key = JSON.stringify([principal.userId, principal.sessionIds]);
      const shared = views.get(key) ?? viewsFor(principal, state, { joined, left });
      views.set(key, shared);
      for (const view of shared) onChange(view);
    }
  }

  async #reload(names: readonly string[]): Promise<void> {
    const known = names.filter((name) => this.#buses.has(name));
    if (known.length === 0) return;
    await this.#guard(async () => {
      const rows = await listPresence(this.#options.db, this.#holder, known);
      for (const name of known) {
        const bus = this.#buses.get(name);
        const remote = rows.filter((row) => row.bus === name).flatMap(({ members }) => members);
        if (!bus || JSON.stringify(remote) === JSON.stringify(bus.remote)) continue;
        bus.remote = remote;
        this.#tellSoon(bus);
      }
    });
  }

  async #renew(): Promise<void> {
    const { db, renewMs } = this.#options;
    await this.#guard(async () => {
      const kept = new Set(await renewPresence(db, this.#holder, renewMs * LIVES));
      await prunePresence(db);
      // The table is empty after a crash of the server.
      for (const name of this.#buses.keys()) if (!kept.has(name)) this.changed(name);
      for (const name of kept) if (!this.#buses.has(name)) this.#dirty.add(name);
    });
    await this.#reload([...this.#buses.keys()]);
  }

  async #write(): Promise<void> {
    const { db, renewMs, notifications } = this.#options;
    while (this.#dirty.size > 0 && !this.#stopping.signal.aborted) {
      const names = [...this.#dirty];
      this.#dirty.clear();
      const buses = names.flatMap((name) => {
        const bus = this.#buses.get(name);
        return bus ? [{ bus: name, members: localMembers(bus) }] : [];
      });
      const gone = names.filter((name) => !this.#buses.has(name));
      await this.#guard(async () => {
        if (buses.length > 0) await writePresence(db, this.#holder, { buses, liveMs: renewMs * LIVES });
        if (gone.length > 0) await removePresence(db, this.#holder, gone);
      });
      for (const name of names) notifications.publish('presence', nameHint(name));
      // Gathers what a crowd does.
      await new Promise((resolve) => setTimeout(resolve, WRITE_MS));
    }
  }

  /** What fails here is done again at the next change or renewal. */
  async #guard(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isDatabaseUnavailable(error))
        this.#options.log.error({ err: error }, 'the presence of the event bus failed');
    }
  }
}

/** Seats of this node by user. */
const localMembers = ({ seats }: Bus): PresentMember[] => {
  const members = new Map<string | null, { connections: number; readonly sessions: Set<string> }>();
  for (const { principal, sessions } of seats) {
    const member = members.get(principal.userId) ?? { connections: 0, sessions: new Set() };
    member.connections += 1;
    for (const id of sessions) member.sessions.add(id);
    members.set(principal.userId, member);
  }
  return [...members].map(([user, { connections, sessions }]) => ({ user, connections, sessions: [...sessions] }));
};
