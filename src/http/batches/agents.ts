import type { FastifyInstance } from 'fastify';
import { changeProfile } from '../../actions/change-profile.ts';
import type { ActionContext } from '../../actions/context.ts';
import { createProfile } from '../../actions/create-profile.ts';
import { deleteProfile } from '../../actions/delete-profile.ts';
import { listProfileMessages } from '../../actions/list-said.ts';
import { listReadableProfiles, readProfile } from '../../actions/read-profiles.ts';
import { agentSchema, toChanges, toNewProfile } from './agent-schema.ts';
import { toAgentState } from './agent-view.ts';
import { readJsonBody } from './body.ts';
import { addFamilyRoute } from './family-route.ts';
import { readAgentId } from './path-ids.ts';
import { type ListRule, readPageRequest } from './query.ts';
import { shapeFault } from './shape.ts';
import { toLettaMessages } from './translate-messages.ts';

const AGENTS: ListRule = { kind: 'Agent', prefix: null, fallback: 50, isLenient: false, order: 'desc' };
const MESSAGES: ListRule = { kind: 'Message', prefix: 'message-', fallback: 100, isLenient: false, order: 'desc' };

/** `/v1/agents`: sessions with a profile. */
export const addProfileRoutes = (server: FastifyInstance, context: ActionContext): void => {
  addFamilyRoute(server, context, {
    method: 'POST',
    url: '/v1/agents',
    record: 'tenant',
    handle: async ({ principal, request }) => {
      const fields = toNewProfile(await readJsonBody(request, agentSchema));
      const id = await createProfile(context, principal, fields);
      return toAgentState(await readProfile(context, principal, id), context.models);
    },
  });
  addFamilyRoute(server, context, {
    method: 'GET',
    url: '/v1/agents',
    record: 'tenant',
    handle: async ({ principal, query }) => {
      const page = readPageRequest(query, AGENTS);
      const tags = query.getAll('tags').filter((tag) => tag !== '');
      const name = query.get('name');
      if ([name ?? '', ...tags].some((text) => text.includes('\0')))
        throw shapeFault(['query: expected text without NUL']);
      const request = { ...page, name: name || null, tags: tags.length === 0 ? null : tags };
      const views = await listReadableProfiles(context, principal, request);
      return views.map((view) => toAgentState(view, context.models));
    },
  });
  addSingleRoutes(server, context);
};

const addSingleRoutes = (server: FastifyInstance, context: ActionContext): void => {
  addFamilyRoute(server, context, {
    method: 'GET',
    url: '/v1/agents/:agentId',
    record: 'hidden',
    handle: async ({ principal, request }) =>
      toAgentState(await readProfile(context, principal, readAgentId(request)), context.models),
  });
  addFamilyRoute(server, context, {
    method: 'PATCH',
    url: '/v1/agents/:agentId',
    record: 'hidden',
    handle: async ({ principal, request }) => {
      const id = readAgentId(request);
      const fields = toChanges(await readJsonBody(request, agentSchema));
      await changeProfile(context, principal, { id, fields });
      return toAgentState(await readProfile(context, principal, id), context.models);
    },
  });
  addFamilyRoute(server, context, {
    method: 'DELETE',
    url: '/v1/agents/:agentId',
    record: 'hidden',
    handle: async ({ principal, request }) => {
      const id = readAgentId(request);
      await deleteProfile(context, principal, id);
      return { message: `Agent id=${id} successfully deleted` };
    },
  });
  addFamilyRoute(server, context, {
    method: 'GET',
    url: '/v1/agents/:agentId/messages',
    record: 'hidden',
    handle: async ({ principal, request, query }) => {
      const id = readAgentId(request);
      const page = readPageRequest(query, MESSAGES);
      return toLettaMessages(await listProfileMessages(context, principal, { id, page }), page.isNewestFirst);
    },
  });
};
