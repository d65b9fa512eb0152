/** Dollars, as the wire counts money; it is stored in whole micro-dollars. Null (unknown) stays null. */
export const toDollars = (micros: number | null): number | null => (micros === null ? null : micros / 1_000_000);
