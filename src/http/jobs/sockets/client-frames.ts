import { z } from 'zod';
import { isSessionId } from '../../../core/session-id.ts';
import { querySchema } from '../schema.ts';

/** StreamingQueryRequest: what may be asked on a socket whose session and owner are known. */
const streamingQuery = querySchema.pick({
  question: true,
  agent_type: true,
  fork_session: true,
  job_id: true,
  trace_id: true,
  warm_id: true,
});

export type StreamingQuery = z.infer<typeof streamingQuery>;

export type StreamFrame =
  | { readonly type: 'query'; readonly data: StreamingQuery }
  | { readonly type: 'stop' | 'ping' };

export type BusFrame =
  | { readonly type: 'subscribe_session' | 'unsubscribe_session'; readonly sessionId: string }
  | { readonly type: 'ping' };

/** Why a frame has no effect, for its sender. */
export interface InvalidFrame {
  readonly type: 'invalid';
  readonly error: string;
}

const sessionFrame = z.strictObject({
  type: z.enum(['subscribe_session', 'unsubscribe_session']),
  data: z.strictObject({ session_id: z.string().refine(isSessionId) }),
});
const queryFrame = z.strictObject({ type: z.literal('query'), data: streamingQuery });

/** A frame of `/query_stream`; null = its bytes were not UTF-8. */
export const parseStreamFrame = (text: string | null): StreamFrame | InvalidFrame => {
  const frame = parseObject(text);
  if (!('value' in frame)) return frame;
  const { value } = frame;
  if (value['type'] === 'ping' || value['type'] === 'stop') return { type: value['type'] };
  if (value['type'] === 'query') {
    const parsed = queryFrame.safeParse(value);
    return parsed.success ? parsed.data : invalid(parsed.error);
  }
  const parsed = streamingQuery.safeParse(value);
  return parsed.success ? { type: 'query', data: parsed.data } : invalid(parsed.error);
};

/** A frame of the event bus. */
export const parseBusFrame = (text: string | null): BusFrame | InvalidFrame => {
  const frame = parseObject(text);
  if (!('value' in frame)) return frame;
  if (frame.value['type'] === 'ping') return { type: 'ping' };
  const parsed = sessionFrame.safeParse(frame.value);
  return parsed.success ? { type: parsed.data.type, sessionId: parsed.data.data.session_id } : invalid(parsed.error);
};

const parseObject = (text: string | null): { readonly value: Readonly<Record<string, unknown>> } | InvalidFrame => {
  if (text === null)
    return { type: 'invalid', error: 'Invalid frame: found bytes that are not UTF-8, expected a JSON object.' };
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return { value: value as Readonly<Record<string, unknown>> };
  } catch {
    // Not JSON: said below.
  }
  return { type: 'invalid', error: `Invalid frame: found ${quote(text)}, expected a JSON object.` };
};

const invalid = (error: z.ZodError): InvalidFrame => {
  const [issue] = error.issues;
  const where = issue?.path.map(String).join('.') || 'the frame';
  return { type: 'invalid', error: `Invalid frame: ${where}: ${issue?.message ?? 'not understood'}.`.slice(0, 300) };
};

const quote = (text: string): string => `"${text.length > 80 ? `${text.slice(0, 80)}…` : text}"`;
