/** The models that profiles may name. */
export interface ModelCatalog {
  /** True for a handle `provider/name` that can be called here, and for the built-in ones. */
  has(handle: string): boolean;
  /** Those that there are to choose from, the server's own first. */
  handles(): readonly string[];
  /** Null when unknown. */
  contextTokensOf(handle: string): number | null;
}
