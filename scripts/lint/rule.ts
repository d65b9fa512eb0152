/** The small part of oxlint's plugin interface (ESLint's, in short) that our rules use. */

/** A node of the syntax tree; a rule narrows it to the fields that its node type has. */
export type SyntaxNode = { readonly type: string; readonly parent?: SyntaxNode };

/** What a rule sees of the file it looks at. */
export interface RuleContext {
  readonly filename: string;
  readonly cwd: string;
  report(finding: { readonly node: SyntaxNode; readonly message: string }): void;
}

/** Called with each node of the named type. */
export type Visitor = Readonly<Record<string, (node: never) => void>>;

/** One rule of the plugin. */
export interface Rule {
  create(context: RuleContext): Visitor;
}
