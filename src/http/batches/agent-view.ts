import type { ProfileView } from '../../actions/read-profiles.ts';
import type { ModelCatalog } from '../../core/model-catalog.ts';
import { DEFAULT_INSTRUCTIONS } from '../../core/profile.ts';
import { toTime } from './times.ts';

const AGENT_TYPE = 'letta_v1_agent';

/** AgentState. */
export const toAgentState = (
  { profile, activity }: ProfileView,
  models: ModelCatalog,
): Readonly<Record<string, unknown>> => {
  const at = profile.model.indexOf('/');
  const run = activity?.lastRun ?? null;
  const endedAt = run?.completedAt ?? run?.canceledAt ?? null;
  return {
    id: profile.sessionId,
    name: profile.name,
    agent_type: AGENT_TYPE,
    model: profile.model,
    llm_config: {
      handle: profile.model,
      model: profile.model.slice(at + 1),
      model_endpoint_type: profile.model.slice(0, at),
      context_window: models.contextTokensOf(profile.model),
    },
    system: profile.instructions ?? DEFAULT_INSTRUCTIONS,
    description: profile.description,
    tags: profile.tags,
    metadata: profile.metadata,
    timezone: profile.timezone,
    blocks: profile.blocks,
    memory: {
      agent_type: AGENT_TYPE,
      git_enabled: false,
      blocks: profile.blocks,
      file_blocks: [],
      prompt_template: '',
    },
    tools: [],
    sources: [],
    tool_rules: [],
    identities: [],
    message_ids: (activity?.messageIds ?? []).map((id) => `message-${id}`),
    embedding: null,
    created_at: toTime(profile.createdAt),
    updated_at: toTime(profile.updatedAt),
    created_by_id: profile.userId,
    last_updated_by_id: profile.updatedBy,
    last_run_completion: toTime(endedAt),
    last_run_duration_ms: run?.startedAt && endedAt ? endedAt.getTime() - run.startedAt.getTime() : null,
    last_stop_reason: run?.stopReason ?? null,
  };
};
