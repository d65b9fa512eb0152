import type { Rule, SyntaxNode } from './rule.ts';
import { sourcePath } from './source-path.ts';

const FORBIDDEN_WORDS = [
  'util',
  'utils',
  'helper',
  'helpers',
  'common',
  'misc',
  'manager',
  'service',
  'services',
  'base',
];
const FORBIDDEN_NAMES = ['types', 'index'];

/** Rules 4 and 7: kebab-case, and no name that says nothing about what the file holds. */
export const fileNameRule: Rule = {
  create(context) {
    const segments = sourcePath(context).split('/');
    const name = segments.at(-1)?.replace(/(?:\.(?:test|d))?\.m?[jt]sx?$/u, '') ?? '';
    const words = segments.flatMap((segment) => segment.replace(/\..*$/u, '').split('-'));
    const forbidden = FORBIDDEN_NAMES.includes(name) ? name : words.find((word) => FORBIDDEN_WORDS.includes(word));
    return {
      Program(node: SyntaxNode) {
        if (forbidden !== undefined) {
          context.report({
            node,
            message: `"${segments.join('/')}" is named "${forbidden}", expected the noun or verb that it holds.`,
          });
        } else if (!/^[a-z0-9]+(?:-[a-z0-9]+)*$/u.test(name)) {
          context.report({
            node,
            message: `"${segments.join('/')}" is not in kebab-case, expected a name such as "cancel-job.ts".`,
          });
        }
      },
    };
  },
};
