import TurndownService from 'turndown';

export interface PageMarkdown {
  readonly title: string | null;
  readonly markdown: string;
}

/** The little that is used here of the DOM that turndown brings. */
interface PageElement {
  readonly nodeName: string;
  readonly textContent: string | null;
  readonly previousElementSibling: PageElement | null;
  readonly parentNode: PageElement | null;
  readonly children: { readonly length: number };
  readonly isBlock?: boolean;
  getAttribute(name: string): string | null;
  hasAttribute(name: string): boolean;
}

/** What holds no text of the page, or repeats on every page of a site. */
const NOISE_TAGS: ReadonlySet<string> = new Set(
  'SCRIPT STYLE NOSCRIPT TEMPLATE SVG CANVAS IFRAME OBJECT EMBED NAV FOOTER BUTTON SELECT TEXTAREA INPUT DIALOG'.split(
    ' ',
  ),
);
const NOISE_ROLES: ReadonlySet<string> = new Set(['navigation', 'contentinfo', 'search', 'dialog']);
const MAX_TITLE_CHARACTERS = 300;

/**
 * Turns a page into Markdown with absolute links, without scripts, styles and navigation. Takes as long as a hostile page
 * makes it, and throws RangeError for one that is nested too deeply: run it where it can be ended.
 */
export const pageToMarkdown = (html: string, url: string): PageMarkdown => {
  let base = url;
  let title: string | null = null;
  const resolve = (address: string): string | null => {
    const resolved = URL.parse(address, base);
    return resolved !== null && /^(https?|mailto):$/.test(resolved.protocol) ? escapeTarget(resolved.href) : null;
  };
  const service = new TurndownService({
    headingStyle: 'atx',
    codeBlockStyle: 'fenced',
    bulletListMarker: '-',
    hr: '---',
    emDelimiter: '*',
    blankReplacement: (_content, node: PageElement) =>
      isCell(node) ? ' |' : node.isBlock === true && !isTablePart(node) ? '\n\n' : '',
  });
  addTableRules(service);
  service.addRule('image', {
    filter: 'img',
    replacement: (_content, node: PageElement) => {
      const source = resolve(node.getAttribute('src') ?? '');
      const words = collapse(node.getAttribute('alt') ?? '');
      return source === null || node.getAttribute('src') === null ? words : `![${words}](${source})`;
    },
  });
  service.addRule('link', {
    filter: (node: PageElement) => node.nodeName === 'A' && node.hasAttribute('href'),
    replacement: (content, node: PageElement) => {
      const words = collapse(content);
      const address = node.getAttribute('href') ?? '';
      const target = address.startsWith('#') ? null : resolve(address);
      return words === '' || target === null ? words : `[${words}](${target})`;
    },
  });
  service.addRule('base', {
    filter: 'base',
    replacement: (_content, node: PageElement) => {
      base = URL.parse(node.getAttribute('href') ?? '', url)?.href ?? base;
      return '';
    },
  });
  service.addRule('title', {
    filter: 'title',
    replacement: (_content, node: PageElement) => {
      title ??= collapse(node.textContent ?? '').slice(0, MAX_TITLE_CHARACTERS) || null;
      return '';
    },
  });
  service.addRule('noise', { filter: isNoise, replacement: () => '' });
  const markdown = service.turndown(html);
  return {
    title,
    markdown: markdown
      .replaceAll(/[^\S\n]+\n/g, '\n')
      .replaceAll(/\n{3,}/g, '\n\n')
      .trim(),
  };
};

const isNoise = (node: PageElement): boolean =>
  NOISE_TAGS.has(node.nodeName.toUpperCase()) ||
  NOISE_ROLES.has(node.getAttribute('role') ?? '') ||
  node.hasAttribute('hidden') ||
  node.getAttribute('aria-hidden') === 'true';

/** A row a line, with the line below the first one that makes it a table. */
const addTableRules = (service: TurndownService): void => {
  service.addRule('cell', {
    filter: ['th', 'td'],
    replacement: (content) => ` ${collapse(content).replaceAll('|', '\\|')} |`,
  });
  service.addRule('row', {
    filter: 'tr',
    replacement: (content, node: PageElement) => {
      const separator = isFirstRow(node) ? `\n|${' --- |'.repeat(node.children.length)}` : '';
      return `\n|${content.replaceAll(/\s*\n\s*/g, ' ')}${separator}`;
    },
  });
  service.addRule('rows', { filter: ['thead', 'tbody', 'tfoot'], replacement: (content) => content });
  service.addRule('table', { filter: 'table', replacement: (content) => `\n\n${content.trim()}\n\n` });
};

const isCell = ({ nodeName }: PageElement): boolean => nodeName === 'TD' || nodeName === 'TH';
const isTablePart = ({ nodeName }: PageElement): boolean => /^(TR|THEAD|TBODY|TFOOT)$/.test(nodeName);

const isFirstRow = (row: PageElement): boolean => {
  const group = row.parentNode;
  if (row.previousElementSibling !== null || group === null) return false;
  return group.nodeName === 'THEAD' || group.nodeName === 'TABLE' || group.previousElementSibling === null;
};

const collapse = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();

const escapeTarget = (target: string): string => target.replaceAll('(', '%28').replaceAll(')', '%29');
