import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ActionContext } from '../../actions/context.ts';
import { type Decision, decideApproval } from '../../actions/decide-approval.ts';
import { listReadableApprovals } from '../../actions/list-approvals.ts';
import { type ApprovalReference, readApproval } from '../../actions/read-approval.ts';
import { APPROVAL_STATES, type Approval, type ApprovalState } from '../../core/approval.ts';
import { defineCursor } from '../../core/cursor.ts';
import { KaziError } from '../../core/errors.ts';
import { parseJobId } from '../../core/job-id.ts';
import { describeBodyFaults } from '../body-faults.ts';
import { readNamedSession } from '../jobs/job-reference.ts';
import { readCount, readText } from '../query-values.ts';
import { parseBody } from '../request-body.ts';
import { addRoute, type Exchange, NO_BODY } from '../route.ts';
import { storableText } from '../schema.ts';
import { toSeconds } from '../seconds.ts';

const APPROVAL = { who: 'read', readsQueryToken: false, record: 'job' } as const;
const LIST = { who: 'read', readsQueryToken: false, record: 'tenant' } as const;
const LIMIT = { name: 'limit', fallback: 20, min: 1, max: 100 } as const;
const CURSOR = defineCursor('approvals', { createdMicros: 'integer', id: 'text' });

const idSchema = z.uuid();
const decisionSchema = z.strictObject(
  {
    decision: z.enum(['allow', 'deny']),
    message: storableText.max(10_000).nullish(),
  },
  { error: (issue) => (issue.code === 'unrecognized_keys' ? 'decision, message' : undefined) },
);

/** `/approvals`: what jobs ask people before they go on, for whoever may read the job. */
export const addApprovalRoutes = (server: FastifyInstance, context: ActionContext): void => {
  addRoute(server, context, { method: 'GET', url: '/approvals', access: LIST, ...NO_BODY, handle: listApprovals });
  addRoute(server, context, {
    method: 'GET',
    url: '/approvals/:id',
    access: APPROVAL,
    ...NO_BODY,
    handle: async (exchange) => {
      const reference = await readReference(exchange);
      return { ok: true, approval: toView(await readApproval(context, exchange.principal, reference)) };
    },
  });
  addRoute(server, context, {
    method: 'POST',
    url: '/approvals/:id',
    access: { ...APPROVAL, who: 'submit' },
    readBody: readDecision,
    hintsOf: null,
    handle: async (exchange) => {
      const reference = await readReference(exchange);
      return {
        ok: true,
        approval: toView(await decideApproval(context, exchange.principal, reference, exchange.body)),
      };
    },
  });
};

/** Newest first; those that wait for somebody, unless other states are asked for. */
const listApprovals = async (exchange: Exchange<unknown>): Promise<unknown> => {
  const { context, principal, query } = exchange;
  const sessionId = await readNamedSession(exchange);
  const jobId = readText(query, 'job_id');
  const cursor = query.get('cursor');
  const limit = readCount(query, LIMIT);
  const approvals = await listReadableApprovals(context, principal, {
    sessionId,
    jobId: jobId === null ? null : parseJobId(jobId),
    states: readStates(query.get('state')),
    before: cursor === null ? null : readCursor(cursor),
    limit: limit + 1,
  });
  const page = approvals.slice(0, limit);
  const last = approvals.length > limit ? page.at(-1) : undefined;
  return {
    ok: true,
    approvals: page.map(toView),
    next_cursor: last ? CURSOR.encode({ createdMicros: last.createdMicros, id: last.id }) : null,
  };
};

const readReference = async (exchange: Exchange<unknown>): Promise<ApprovalReference> => {
  const namedSessionId = await readNamedSession(exchange);
  const id = idSchema.safeParse((exchange.request.params as { readonly id: string }).id);
  if (!id.success) throw new KaziError('APPROVAL_NOT_FOUND');
  return { id: id.data.toLowerCase(), namedSessionId };
};

const readDecision = (bytes: Buffer | undefined): Decision => {
  const body = parseBody(z.unknown(), bytes, 'Invalid decision');
  const parsed = decisionSchema.safeParse(body, { reportInput: true });
  if (!parsed.success) {
    throw new KaziError('INVALID_REQUEST', { message: `Invalid decision: ${describeBodyFaults(parsed.error)}` });
  }
  const { decision, message } = parsed.data;
  return { state: decision === 'allow' ? 'allowed' : 'denied', message: message || null };
};

/** Null = any. */
const readStates = (text: string | null): readonly ApprovalState[] | null => {
  if (text === null || text === '') return ['pending'];
  if (text === 'all') return null;
  return text.split(',').map((name) => {
    const state = APPROVAL_STATES.find((known) => known === name.trim());
    if (state === undefined) {
      const message = `Invalid value for state: found "${name.slice(0, 80)}", expected all, or one or more of ${APPROVAL_STATES.join(', ')}, joined with commas.`;
      throw new KaziError('INVALID_REQUEST', { message });
    }
    return state;
  });
};

const readCursor = (text: string): { readonly createdMicros: number; readonly id: string } => {
  const position = CURSOR.decode(text);
  if (!idSchema.safeParse(position.id).success) throw new KaziError('INVALID_CURSOR', { found: text.slice(0, 80) });
  return position;
};

const toView = (approval: Approval): Readonly<Record<string, unknown>> => ({
  id: approval.id,
  job_id: approval.jobId,
  session_id: approval.sessionId,
  agent: approval.agent,
  kind: approval.kind,
  tool: approval.tool,
  input: approval.input,
  state: approval.state,
  on_expiry: approval.onExpiry,
  message: approval.message,
  decided_by: approval.decidedBy,
  created_at: toSeconds(approval.createdAt),
  expires_at: toSeconds(approval.expiresAt),
  decided_at: toSeconds(approval.decidedAt),
});
