/** Why a run is stopped before its end. Travels as the reason of an AbortSignal. */
export type StopCause = 'canceled' | 'timeout' | 'lease_lost' | 'draining';

/** The reason of an aborted run; the one exception that is used as a signal. */
export class RunStop extends Error {
  override readonly cause: StopCause;

  constructor(cause: StopCause) {
    super(`the run was stopped: ${cause}`);
    this.name = 'RunStop';
    this.cause = cause;
  }
}

/** Why the signal was aborted; undefined while it is not. */
export const stopCause = (signal: AbortSignal): StopCause | undefined =>
  signal.reason instanceof RunStop ? signal.reason.cause : undefined;
