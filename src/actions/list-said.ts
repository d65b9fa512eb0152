import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import type { SaidMessage } from '../core/run.ts';
import { type BatchPlace, findBatchPlace, findSaid, listBatchSaid, listSaid, type SaidIn } from '../storage/said.ts';
import type { ActionContext } from './context.ts';
import { findBatch } from './find-batch.ts';
import { findProfile } from './find-profile.ts';
import { findRun } from './list-runs.ts';
import { type PageRequest, readPage, readPlacedPage } from './page.ts';

/** What was said in the session of a profile. Throws as findProfile does, UNKNOWN_REFERENCE, REVERSED_REFERENCES. */
export const listProfileMessages = async (
  context: ActionContext,
  principal: Principal,
  { id, page }: { readonly id: string; readonly page: PageRequest },
): Promise<SaidMessage[]> => {
  const { sessionNum } = await findProfile(context, principal, id);
  return await listIn(context, { sessionNum }, page);
};

/** What was said in one run. Throws as findRun does, UNKNOWN_REFERENCE, REVERSED_REFERENCES. */
export const listRunMessages = async (
  context: ActionContext,
  principal: Principal,
  { jobId, page }: { readonly jobId: string; readonly page: PageRequest },
): Promise<SaidMessage[]> => {
  await findRun(context, principal, jobId);
  return await listIn(context, { jobId }, page);
};

const listIn = async ({ db }: ActionContext, place: SaidIn, page: PageRequest): Promise<SaidMessage[]> =>
  await readPage({
    request: page,
    placeOf: async (id) => known(await findSaid(db, place, id), id),
    list: async (stretch) => await listSaid(db, place, stretch),
  });

/**
 * What was said in a batch, what its items begin with included: to all of them, or to one profile's. Throws as findBatch
 * does, UNKNOWN_REFERENCE, REVERSED_REFERENCES.
 */
export const listBatchMessages = async (
  context: ActionContext,
  principal: Principal,
  request: { readonly batchId: string; readonly profileId: string | null; readonly page: PageRequest },
): Promise<SaidMessage[]> => {
  const { db, directory } = context;
  const { num } = await findBatch(context, principal, request.batchId);
  const session =
    request.profileId === null ? null : await directory.findSession(principal.tenantId, request.profileId);
  return await readPlacedPage<SaidMessage, BatchPlace>({
    request: request.page,
    placeOf: async (id) => known(await findBatchPlace(db, num, id), id),
    compare: comparePlaces,
    list: async (stretch) =>
      session === undefined ? [] : await listBatchSaid(db, num, { ...stretch, sessionNum: session?.num ?? null }),
  });
};

const known = <Place>(place: Place | undefined, id: string): Place => {
  if (place === undefined) throw new KaziError('UNKNOWN_REFERENCE', { kind: 'Message', id: `message-${id}` });
  return place;
};

/** As the database orders them; its times are text of one form. */
const comparePlaces = (one: BatchPlace, other: BatchPlace): number =>
  one.part - other.part ||
  Date.parse(one.at) - Date.parse(other.at) ||
  one.at.localeCompare(other.at) ||
  one.num - other.num ||
  one.ord - other.ord;
