import type { ModelProvider } from '../core/model-choice.ts';

interface MediaRule {
  readonly images: readonly string[];
  /** Names of models that take text alone. */
  readonly textOnly: RegExp;
  /** Names of models that take images, but no PDF. */
  readonly withoutPdf: RegExp;
}

const NONE = /^$/;

/** What the providers' documentation says; an unknown name is taken to be one of their newer models. */
const RULES: Readonly<Record<ModelProvider, MediaRule | null>> = {
  anthropic: {
    images: ['image/gif', 'image/jpeg', 'image/png', 'image/webp'],
    textOnly: /^claude-(v?1|2|instant)/,
    withoutPdf: /^claude-3-(haiku|opus|sonnet)/,
  },
  openai: {
    images: ['image/gif', 'image/jpeg', 'image/png', 'image/webp'],
    textOnly: /^(gpt-3|gpt-4(-\d|-32k|$)|gpt-4-turbo-preview|o1-(mini|preview)|o3-mini|gpt-oss)/,
    withoutPdf: NONE,
  },
  google: {
    images: ['image/heic', 'image/heif', 'image/jpeg', 'image/png', 'image/webp'],
    textOnly: /^(gemini-(1\.0-)?pro$|gemma-[12])/,
    withoutPdf: /^gemma-/,
  },
  // Whatever runs there: the operator says what it takes.
  'openai-compatible': null,
};

/** Does a model take this media type as input? `allowed` is what the operator says of it, such as `image/*`; null = nothing. */
export const acceptsMedia = (
  {
    provider,
    name,
    allowed,
  }: { readonly provider: ModelProvider; readonly name: string; readonly allowed: readonly string[] | null },
  mediaType: string,
): boolean => {
  if (allowed !== null) return allowed.some((pattern) => pattern === mediaType || pattern === wildcardOf(mediaType));
  const rule = RULES[provider];
  if (rule === null || rule.textOnly.test(name)) return false;
  if (mediaType === 'application/pdf') return !rule.withoutPdf.test(name);
  return rule.images.includes(mediaType);
};

const wildcardOf = (mediaType: string): string => mediaType.replace(/\/.*$/, '/*');
