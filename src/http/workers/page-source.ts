import { createHash } from 'node:crypto';

/** A page that a turn used, with an id that is the same wherever the page is named. */
export interface PageSource {
  readonly id: string;
  readonly url: string;
  /** The URL where the page has none. */
  readonly title: string;
}

/** The pages that the event of a finished tool call names. */
export const sourcesOf = (data: Readonly<Record<string, unknown>>): readonly PageSource[] => {
  const { sources } = data;
  if (!Array.isArray(sources)) return [];
  return (sources as readonly unknown[]).flatMap((source) => {
    const { url, title } = (source ?? {}) as { readonly url?: unknown; readonly title?: unknown };
    if (typeof url !== 'string') return [];
    const id = `src_${createHash('sha256').update(url).digest('hex').slice(0, 16)}`;
    return [{ id, url, title: typeof title === 'string' && title.trim() !== '' ? title : url }];
  });
};
