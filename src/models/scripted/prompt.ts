/** What a client sent, out of its wire format: all that choosing and filling a turn needs. */
export interface Prompt {
  readonly model: string;
  readonly isStream: boolean;
  /** Every system or developer text, joined. */
  readonly system: string;
  readonly entries: readonly PromptEntry[];
  readonly toolNames: readonly string[];
  /** Messages (or input items) as the body counted them. */
  readonly messageCount: number;
  /** Characters of everything that a provider would charge as input. */
  readonly characters: number;
  /** What the answer's form depends on; the wire format reads it back. */
  readonly wants: PromptWants;
  /** The turn that a stored response was, when the client goes on after it by id instead of sending the history. */
  readonly after: { readonly conversationIndex: number; readonly turnIndex: number } | null;
}

export interface PromptWants {
  /** Chat completions: `stream_options.include_usage`. */
  readonly streamUsage: boolean;
  /** Responses: `include: ["reasoning.encrypted_content"]`. */
  readonly encryptedReasoning: boolean;
}

export type PromptEntry =
  | { readonly role: 'user'; readonly text: string }
  /** One turn of the model. `callIds` is null when the history only refers to stored items. */
  | { readonly role: 'assistant'; readonly text: string; readonly callIds: readonly string[] | null }
  | { readonly role: 'tool'; readonly text: string; readonly callId: string };

/** The text of the last entry of a role, or an empty one. */
export const lastTextOf = ({ entries }: Prompt, role: PromptEntry['role']): string =>
  entries.findLast((entry) => entry.role === role)?.text ?? '';
