/** A cell of a CSV file; null is an empty one. */
export type CsvCell = string | number | null;

/**
 * CSV by RFC 4180, with a header. Text that a spreadsheet would run as a formula gets an apostrophe in front: names of
 * sessions and users come from clients.
 */
export const toCsv = (titles: readonly string[], rows: readonly (readonly CsvCell[])[]): string =>
  [titles, ...rows].map((row) => `${row.map(toField).join(',')}\r\n`).join('');

const toField = (cell: CsvCell): string => {
  if (cell === null) return '';
  if (typeof cell === 'number') return String(cell);
  const text = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};
