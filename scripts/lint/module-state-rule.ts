import type { Rule, SyntaxNode } from './rule.ts';
import { areaOf, sourcePath } from './source-path.ts';

/** Rule 10: no state in a module; whatever changes lives in something that src/app constructs. */
export const moduleStateRule: Rule = {
  create(context) {
    if (areaOf(sourcePath(context)) === undefined) return {};
    return {
      VariableDeclaration(node: SyntaxNode & { readonly kind: string }) {
        if (node.kind === 'const' || node.parent?.type !== 'Program') return;
        context.report({
          node,
          message: `A "${node.kind}" at the top of a module, expected no module-level state: construct it in src/app.`,
        });
      },
    };
  },
};
