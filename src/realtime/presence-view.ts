import type { Principal } from '../core/principal.ts';
import type { PresentMember } from '../storage/presence.ts';
import type { SessionIdentity } from '../storage/sessions.ts';
import { mayReadSession } from './follow-session.ts';

/** Who is connected to a bus, as one of them may know it. */
export interface PresenceView {
  readonly usersOnline: readonly string[];
  readonly connectionCount: number;
  /** Sessions that are followed on the bus, as far as the receiver may read them. */
  readonly sessionIds: readonly string[];
  /** A user whose first connection has opened, or whose last one has closed, since the last view; null = nobody. */
  readonly userJoined: string | null;
  readonly userLeft: string | null;
}

/** Everything on a bus, over all nodes, and those of its sessions that exist. */
export interface BusState {
  readonly members: readonly PresentMember[];
  readonly sessions: ReadonlyMap<string, SessionIdentity>;
}

/** Users of the members, sorted. */
export const usersOf = (members: readonly PresentMember[]): string[] =>
  [
    ...new Set(members.flatMap(({ user, connections }) => (user === null || connections === 0 ? [] : [user]))),
  ].toSorted();

/**
 * Views for one receiver: one, or one for each user that came or went. A session that does not exist yet is known to its
 * own user only, who may be the one to make it.
 */
export const viewsFor = (
  principal: Principal,
  { members, sessions }: BusState,
  change: { readonly joined: readonly string[]; readonly left: readonly string[] },
): PresenceView[] => {
  const followed = new Set<string>();
  for (const member of members) {
    for (const id of member.sessions) {
      const session = sessions.get(id);
      const isKnown = session ? mayReadSession(principal, session) : member.user === principal.userId;
      if (isKnown && (principal.sessionIds === null || principal.sessionIds.includes(id))) followed.add(id);
    }
  }
  const shared = {
    usersOnline: usersOf(members),
    connectionCount: members.reduce((sum, { connections }) => sum + connections, 0),
    sessionIds: [...followed].toSorted(),
  };
  return Array.from({ length: Math.max(1, change.joined.length, change.left.length) }, (_, place) => ({
    ...shared,
    userJoined: change.joined[place] ?? null,
    userLeft: change.left[place] ?? null,
  }));
};
