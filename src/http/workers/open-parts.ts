import type { ContentBlock } from '../../core/journal.ts';
import type { WorkerEvent } from '../../core/worker.ts';
import type { UiPart } from './ui-part.ts';

type Kind = 'text' | 'reasoning' | 'tool';

/** A part that has begun and is not whole. */
interface OpenPart {
  readonly kind: Kind;
  readonly id: string;
  sent: string;
  /** True when what was sent does not count any more: the part begins again. */
  isStale: boolean;
}

/** The parts of a message that a client has heard the beginning of. */
export class OpenParts {
  readonly #parts = new Map<string, OpenPart>();

  /** From here on every open part is said again from its beginning. */
  restart(): void {
    for (const part of this.#parts.values()) part.isStale = true;
  }

  /** A piece of a message that is being said. */
  addPiece(data: WorkerEvent['data']): readonly UiPart[] {
    const { part, text, step } = data;
    const piece = typeof text === 'string' ? text : '';
    if (part === 'tool_input') {
      const id = String(data['tool_call_id']);
      const begin = this.#begin('tool', id, typeof data['tool_name'] === 'string' ? data['tool_name'] : '');
      this.#append(id, piece);
      return [...begin, { type: 'tool-input-delta', toolCallId: id, inputTextDelta: piece }];
    }
    const kind = part === 'reasoning' ? 'reasoning' : 'text';
    const id = `${kind}-${String(step)}`;
    const begin = this.#begin(kind, id);
    this.#append(id, piece);
    return [...begin, { type: `${kind}-delta`, id, delta: piece }];
  }

  /** A block of the whole message: what a client has not heard of it, and its end. */
  complete(block: ContentBlock, place: { readonly name: string; readonly index: number }): readonly UiPart[] {
    switch (block.type) {
      case 'text':
        return this.#finish('text', this.#idOf('text', place), block.text);
      case 'thinking':
        return this.#finish('reasoning', this.#idOf('reasoning', place), block.thinking);
      case 'tool_use': {
        const { id, name, input } = block;
        const isHeard = this.#parts.get(id)?.isStale === false;
        const begin = isHeard ? [] : this.#begin('tool', id, name);
        this.#parts.delete(id);
        return [...begin, { type: 'tool-input-available', toolCallId: id, toolName: name, dynamic: true, input }];
      }
      // What a person said; it is no part of an answer.
      case 'image':
      case 'tool_result':
        return [];
    }
  }

  /** Ends what is still open: nothing more comes of it. */
  close(): readonly UiPart[] {
    const texts = [...this.#parts.values()].filter(({ kind }) => kind !== 'tool');
    this.#parts.clear();
    return texts.map(({ kind, id }) => ({ type: `${kind === 'text' ? 'text' : 'reasoning'}-end`, id }));
  }

  /** A message has one text and one reasoning as a rule; more of them are told apart by their place. */
  #idOf(kind: 'text' | 'reasoning', { name, index }: { readonly name: string; readonly index: number }): string {
    const id = `${kind}-${name}`;
    return index === 0 || this.#parts.has(id) || !this.#seen.has(id) ? id : `${id}-${index}`;
  }

  readonly #seen = new Set<string>();

  #begin(kind: Kind, id: string, toolName = ''): readonly UiPart[] {
    if (this.#parts.get(id)?.isStale === false) return [];
    this.#parts.set(id, { kind, id, sent: '', isStale: false });
    this.#seen.add(id);
    if (kind === 'tool') return [{ type: 'tool-input-start', toolCallId: id, toolName, dynamic: true }];
    return [{ type: `${kind}-start`, id }];
  }

  #append(id: string, piece: string): void {
    const part = this.#parts.get(id);
    if (part) part.sent += piece;
  }

  #finish(kind: 'text' | 'reasoning', id: string, whole: string): readonly UiPart[] {
    const known = this.#parts.get(id);
    if (known && !whole.startsWith(known.sent)) known.isStale = true;
    const begin = this.#begin(kind, id);
    const rest = whole.slice(this.#parts.get(id)?.sent.length ?? 0);
    this.#parts.delete(id);
    return [
      ...begin,
      ...(rest === '' ? [] : [{ type: `${kind}-delta`, id, delta: rest } as const]),
      { type: `${kind}-end`, id },
    ];
  }
}
