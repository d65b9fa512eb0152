import type { PromptEntry } from './prompt.ts';

/** A break of the rule that every provider keeps: the results of a turn's tool calls follow it, all of them and no other. */
export type ToolResultFault =
  | { readonly kind: 'missing'; readonly callIds: readonly string[] }
  | { readonly kind: 'stray'; readonly callId: string };

/** The first fault in a history; null when calls and results fit together. */
export const checkToolResults = (entries: readonly PromptEntry[]): ToolResultFault | null => {
  let open: ReadonlySet<string> = new Set();
  // After a reference to stored items the calls are not known, so any result may be theirs.
  let isKnown = true;
  for (const entry of entries) {
    if (entry.role === 'tool') {
      if (isKnown && !open.has(entry.callId)) return { kind: 'stray', callId: entry.callId };
      open = new Set([...open].filter((id) => id !== entry.callId));
      continue;
    }
    if (open.size > 0) return { kind: 'missing', callIds: [...open] };
    if (entry.role === 'user') continue;
    isKnown = entry.callIds !== null;
    open = new Set(entry.callIds ?? []);
  }
  return open.size > 0 ? { kind: 'missing', callIds: [...open] } : null;
};
