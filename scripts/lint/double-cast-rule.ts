import type { Rule, SyntaxNode } from './rule.ts';

/** Rule 16: a cast stands next to the parse that earned it; one that goes through `unknown` earned nothing. */
export const doubleCastRule: Rule = {
  create(context) {
    return {
      TSAsExpression(node: SyntaxNode & { readonly expression: SyntaxNode }) {
        if (node.expression.type !== 'TSAsExpression') return;
        context.report({
          node,
          message: 'A cast of a cast, expected a parse (zod) or a type guard that proves the type.',
        });
      },
    };
  },
};
