import type { Rule, SyntaxNode } from './rule.ts';
import { areaOf, sourcePath } from './source-path.ts';

type Named = SyntaxNode & { readonly name?: string; readonly value?: unknown };
type Member = SyntaxNode & { readonly object: Named; readonly property: Named };
type Import = SyntaxNode & {
  readonly source: { readonly value: unknown };
  readonly specifiers: readonly { readonly imported?: Named }[];
};

const MESSAGE = 'The environment is read outside src/config.ts: add the setting there, and have src/app hand it in.';

/** Rule 31: config.ts alone reads the environment. */
export const environmentRule: Rule = {
  create(context) {
    const area = areaOf(sourcePath(context));
    if (area === undefined || area === 'config') return {};
    return {
      MemberExpression(node: Member) {
        const property = node.property.name ?? node.property.value;
        if (node.object.name === 'process' && property === 'env') context.report({ node, message: MESSAGE });
      },
      ImportDeclaration(node: Import) {
        const isProcess = node.source.value === 'node:process' || node.source.value === 'process';
        const takesEnvironment = node.specifiers.some(({ imported }) => imported?.name === 'env');
        if (isProcess && takesEnvironment) context.report({ node, message: MESSAGE });
      },
    };
  },
};
