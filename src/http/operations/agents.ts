import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ActionContext } from '../../actions/context.ts';
import { createAgent } from '../../actions/create-agent.ts';
import { listAgents } from '../../actions/list-agents.ts';
import { readAgent, readAgentVersions } from '../../actions/read-agent.ts';
import { retireAgent } from '../../actions/retire-agent.ts';
import type { AgentDefinition } from '../../core/agent-definition.ts';
import { KaziError } from '../../core/errors.ts';
import { describeBodyFaults } from '../body-faults.ts';
import { findJsonFault } from '../plain-json.ts';
import { readCount } from '../query-values.ts';
import { parseBody } from '../request-body.ts';
import { addRoute, NO_BODY } from '../route.ts';
import { agentSchema } from './agent-schema.ts';
import { toAgentSummary, toAgentView } from './agent-view.ts';

const ADMIN = { who: 'admin', readsQueryToken: false, record: 'tenant' } as const;
const READ = { who: 'read', readsQueryToken: false, record: 'tenant' } as const;

/** What readCount reads at most; far below the largest integer of the database. */
const MAX_VERSION = 999_999_999;

/** `/agents`: the agents of a tenant beside the built-in ones. Everybody of the tenant may look, admins change. */
export const addAgentRoutes = (server: FastifyInstance, context: ActionContext): void => {
  addChangingRoutes(server, context);
  addRoute(server, context, {
    method: 'GET',
    url: '/agents',
    access: READ,
    ...NO_BODY,
    handle: async ({ principal }) => ({
      ok: true,
      agents: (await listAgents(context, principal)).map(toAgentSummary),
    }),
  });
  addRoute(server, context, {
    method: 'GET',
    url: '/agents/:name',
    access: READ,
    ...NO_BODY,
    handle: async ({ principal, request, query }) => {
      const version = readVersion(query, 'version');
      const { known, isWhole } = await readAgent(context, principal, { name: nameOf(request), version });
      return { ok: true, agent: isWhole ? toAgentView(known) : toAgentSummary(known) };
    },
  });
  addRoute(server, context, {
    method: 'GET',
    url: '/agents/:name/versions',
    access: READ,
    ...NO_BODY,
    handle: async ({ principal, request, query }) => {
      const limit = readCount(query, { name: 'limit', fallback: 100, min: 1, max: 1_000 });
      const page = { name: nameOf(request), before: readVersion(query, 'before'), limit };
      const versions = await readAgentVersions(context, principal, page);
      return { ok: true, versions: versions.map(toAgentSummary) };
    },
  });
};

const addChangingRoutes = (server: FastifyInstance, context: ActionContext): void => {
  addRoute(server, context, {
    method: 'POST',
    url: '/agents',
    access: ADMIN,
    readBody: readDefinition,
    hintsOf: null,
    handle: async ({ principal, reply, body }) => {
      const stored = await createAgent(context, principal, body);
      reply.code(stored.agent.version === 1 ? 201 : 200);
      return { ok: true, agent: toAgentView(stored) };
    },
  });
  addRoute(server, context, {
    method: 'DELETE',
    url: '/agents/:name',
    access: ADMIN,
    ...NO_BODY,
    handle: async ({ principal, request }) => ({
      ok: true,
      agent: toAgentSummary(await retireAgent(context, principal, nameOf(request))),
    }),
  });
};

const readDefinition = (bytes: Buffer | undefined): AgentDefinition => {
  const body = parseBody(z.unknown(), bytes, 'Invalid agent body');
  const fault = findJsonFault(body);
  if (fault !== null) throw new KaziError('INVALID_REQUEST', { message: `Invalid agent: body: ${fault}` });
  const parsed = agentSchema.safeParse(body, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw new KaziError('INVALID_REQUEST', { message: `Invalid agent: ${describeBodyFaults(parsed.error)}` });
};

const readVersion = (query: URLSearchParams, name: string): number | null => {
  const version = readCount(query, { name, fallback: 0, min: 1, max: MAX_VERSION });
  return version === 0 ? null : version;
};

const nameOf = (request: FastifyRequest): string => (request.params as { readonly name: string }).name;
