/** An error as it is answered, in the form of a family. */
export interface ErrorAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly retryAfterSeconds: number | null;
  readonly headers?: Readonly<Record<string, string>>;
}
