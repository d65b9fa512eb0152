import type { Rule, SyntaxNode } from './rule.ts';
import { areaOf, sourcePath } from './source-path.ts';

const MAX_INLINE_LINES = 5;

// House SQL is lower case; "Select a job from …" in a help text is prose. Each pattern needs a second word of SQL.
const STATEMENTS: readonly RegExp[] = [
  /^\s*(?:select|SELECT)\s[\s\S]*?(?:\s(?:from|FROM)\s|\()/u,
  /^\s*(?:insert into|INSERT INTO)\s/u,
  /^\s*(?:update|UPDATE)\s+[\w.$"]+\s+(?:[\w"]+\s+)?(?:set|SET)\s/u,
  /^\s*(?:delete from|DELETE FROM)\s/u,
  /^\s*(?:with|WITH)\s+(?:recursive\s+)?\w+\s*(?:\([\w\s,]*\)\s*)?(?:as|AS)\s/u,
  /^\s*(?:create|CREATE|alter|ALTER|drop|DROP)\s+(?:database|table|index|unique index|function|schema|role|type|view|extension)\s/iu,
  /^\s*(?:truncate|TRUNCATE|listen|LISTEN|unlisten|UNLISTEN|notify|NOTIFY)\s+[\w."$]+\s*;?\s*$/u,
  /^\s*(?:begin|BEGIN|commit|COMMIT|rollback|ROLLBACK)\s*;?\s*$/u,
];

/** Rule 19: SQL stands in src/storage only, and a statement over five lines in a .sql file of its own. */
export const sqlRule: Rule = {
  create(context) {
    const file = sourcePath(context);
    const area = areaOf(file);
    if (area === undefined) return {};
    const check = (node: SyntaxNode, text: string) => {
      if (!STATEMENTS.some((statement) => statement.test(text))) return;
      const lineCount = text.trim().split('\n').length;
      // The embedded cluster makes its database while there is none to connect to.
      if (area === 'postgres' && text.startsWith('create database ')) return;
      if (area !== 'storage') {
        context.report({
          node,
          message: `SQL in "${file}", expected it in src/storage: give the statement a function there.`,
        });
      } else if (lineCount > MAX_INLINE_LINES) {
        const message = `SQL of ${lineCount} lines, expected at most ${MAX_INLINE_LINES} in code: move it to a .sql file beside this one.`;
        context.report({ node, message });
      }
    };
    return {
      Literal(node: SyntaxNode & { readonly value?: unknown }) {
        if (typeof node.value === 'string') check(node, node.value);
      },
      TemplateLiteral(node: SyntaxNode & { readonly quasis: readonly { readonly value: { readonly raw: string } }[] }) {
        check(node, node.quasis.map((quasi) => quasi.value.raw).join('$'));
      },
    };
  },
};
