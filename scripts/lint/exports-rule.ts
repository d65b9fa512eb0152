import type { Rule, SyntaxNode } from './rule.ts';
import { areaOf, sourcePath } from './source-path.ts';

const MAX_VALUES = 3;
// A file of storage holds the statements about one noun, which belong together (rule 4).
const MAX_VALUES_IN_STORAGE = 8;

type Declaration = SyntaxNode & { readonly declarations?: readonly unknown[] };
type Export = SyntaxNode & {
  readonly source: unknown;
  readonly exportKind?: string;
  readonly declaration: Declaration | null;
  readonly specifiers: readonly { readonly exportKind?: string }[];
};

/** Rule 6: one to three exported values a file (types come free), each defined where it is exported from. */
export const exportsRule: Rule = {
  create(context) {
    const area = areaOf(sourcePath(context));
    if (area === undefined) return {};
    const max = area === 'storage' ? MAX_VALUES_IN_STORAGE : MAX_VALUES;
    let valueCount = 0;
    const reportBarrel = (node: SyntaxNode) =>
      context.report({
        node,
        message: 'An export from another file (a barrel), expected importers to name the file itself.',
      });
    return {
      ExportAllDeclaration: reportBarrel,
      ExportNamedDeclaration(node: Export) {
        if (node.source !== null) reportBarrel(node);
        else if (node.exportKind !== 'type') valueCount += countValues(node);
      },
      'Program:exit'(node: SyntaxNode) {
        if (valueCount <= max) return;
        context.report({
          node,
          message: `${valueCount} exported values, expected at most ${max}: split the file by noun or verb.`,
        });
      },
    };
  },
};

function countValues({ declaration, specifiers }: Export): number {
  if (declaration === null) return specifiers.filter(({ exportKind }) => exportKind !== 'type').length;
  if (declaration.type.startsWith('TS')) return 0; // An interface or a type alias.
  return declaration.declarations?.length ?? 1;
}
