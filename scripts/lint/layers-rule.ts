import path from 'node:path';
import { IMPURE_MODULES, layerOf, PACKAGE_OWNERS } from './layers.ts';
import type { Rule, RuleContext, SyntaxNode } from './rule.ts';
import { areaOf, sourcePath } from './source-path.ts';

/** How the importing file uses the imported one. */
type Use = 'values' | 'types' | 'lazily';

type Specifier = { readonly importKind?: string; readonly exportKind?: string };
type ImportNode = SyntaxNode & {
  readonly source: (SyntaxNode & { readonly value?: unknown }) | null;
  readonly importKind?: string;
  readonly exportKind?: string;
  readonly specifiers?: readonly Specifier[];
};

/** Rules 1 and 2: every import of src points the way that layers.ts allows; sdk and web know nothing of src. */
export const layersRule: Rule = {
  create(context) {
    const check = (use: (node: ImportNode) => Use) => (node: ImportNode) => {
      const specifier = node.source?.value;
      if (typeof specifier !== 'string') return;
      const problem = problemOf(context, specifier, use(node));
      if (problem !== undefined) context.report({ node, message: problem });
    };
    return {
      ImportDeclaration: check(useOf),
      ExportNamedDeclaration: check(useOf),
      ExportAllDeclaration: check(useOf),
      ImportExpression: check(() => 'lazily'),
      TSImportType: check(() => 'types'),
    };
  },
};

function useOf(node: ImportNode): Use {
  const isType = ({ importKind, exportKind }: Specifier) => importKind === 'type' || exportKind === 'type';
  const specifiers = node.specifiers ?? [];
  return isType(node) || (specifiers.length > 0 && specifiers.every(isType)) ? 'types' : 'values';
}

function problemOf(context: RuleContext, specifier: string, use: Use): string | undefined {
  const from = sourcePath(context);
  const isRelative = specifier.startsWith('.');
  if (!isRelative) return packageProblem(from, specifier);
  const to = sourcePath(context, path.resolve(path.dirname(context.filename), specifier));
  return from.startsWith('src/') ? sourceProblem(from, to, use) : outsideProblem(from, to);
}

/** A published package and the dashboard talk to the server over the wire. */
function outsideProblem(from: string, to: string): string | undefined {
  const [workspace] = from.split('/');
  if ((workspace !== 'sdk' && workspace !== 'web') || !to.startsWith('src/')) return undefined;
  return `"${workspace}" imports "${to}", expected nothing of src: ${workspace} talks to the server over the wire.`;
}

function sourceProblem(from: string, to: string, use: Use): string | undefined {
  const area = areaOf(from) ?? '';
  const target = areaOf(to) ?? to.split('/')[0] ?? '';
  if (target === area) return undefined;
  const rule = layerOf(area);
  if (rule === undefined) return `"src/${area}" is not in scripts/lint/layers.ts: enter what this folder may import.`;
  const allowed = [...rule.values, ...(use === 'values' ? [] : rule[use])];
  const file = to.replace(/^src\//u, '').replace(/\.ts$/u, '');
  if (allowed.includes(target) || allowed.includes(file)) return undefined;
  const names = allowed.length === 0 ? 'nothing' : allowed.join(', ');
  return `"${area}" imports ${use} of "${to}", expected ${names} (scripts/lint/layers.ts). Move the code down a layer, or hand it in from src/app.`;
}

function packageProblem(from: string, specifier: string): string | undefined {
  const area = areaOf(from);
  if (area === undefined || from.endsWith('.test.ts')) return undefined;
  if (area === 'core' && IMPURE_MODULES.includes(specifier)) {
    return `core imports "${specifier}", expected pure code: leave effects to the layers above.`;
  }
  const owners = Object.hasOwn(PACKAGE_OWNERS, specifier) ? PACKAGE_OWNERS[specifier] : undefined;
  if (owners === undefined || owners.includes(area)) return undefined;
  return `"${area}" imports the package "${specifier}", which belongs to ${owners.join(', ')} (scripts/lint/layers.ts).`;
}
