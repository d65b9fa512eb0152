import { randomUUID } from 'node:crypto';

const SHAPE = /^agent-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** The id of a new session with a profile. */
export const newProfileId = (): string => `agent-${randomUUID()}`;

/** True for an id that a session with a profile may have. */
export const isProfileId = (text: string): boolean => SHAPE.test(text);
