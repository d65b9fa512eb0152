import type { ContentBlock } from '../core/journal.ts';
import type { Queryable } from './database.ts';

/** What was said in a session. */
export interface Message {
  readonly id: string;
  readonly role: 'user' | 'assistant';
  readonly content: readonly ContentBlock[];
  readonly createdAt: Date;
}

/** The messages of one job: its input, once it has started, and its answers. */
export const listJobMessages = async (db: Queryable, jobId: string): Promise<Message[]> => {
  const rows = await db.query<{ id: string; role: Message['role']; content: ContentBlock[]; created_at: Date }>(
    'messages/list-job',
    [jobId],
  );
  return rows.map((row) => ({ id: row.id, role: row.role, content: row.content, createdAt: row.created_at }));
};
