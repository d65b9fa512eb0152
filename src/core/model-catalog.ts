/** The models that profiles may name. */
export interface ModelCatalog {
  /** The model of agents that name none; null when it is not set. */
  readonly ownModel: string | null;
  /** True for a handle `provider/name` that can be called here, and for the built-in ones. */
  has(handle: string): boolean;
  /** Those that there are to choose from, the server's own first. */
  handles(): readonly string[];
  /** Null when unknown. */
  contextTokensOf(handle: string): number | null;
}
