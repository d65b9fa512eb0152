/** `42 ms`, `1.4 s`, `12 s`, `3 min 5 s`. */
export const describeDuration = (ms: number): string => {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
};

/** `512 B`, `1.4 kB`, `23 MB`: decimal units, as file managers show them. */
export const describeBytes = (bytes: number): string => {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 1_000 && unit < units.length - 1; unit += 1) value /= 1_000;
  const digits = unit > 0 && value < 10 ? 1 : 0;
  return `${value.toFixed(digits)} ${units[unit]}`;
};

/** A time of the wire (Unix seconds) in the reader's own time zone; `-` when there is none. */
export const describeTime = (seconds: number | null | undefined): string => {
  if (seconds === null || seconds === undefined) return '-';
  const local = new Date(seconds * 1_000);
  const pad = (value: number): string => String(value).padStart(2, '0');
  const date = [local.getFullYear(), pad(local.getMonth() + 1), pad(local.getDate())].join('-');
  return `${date} ${[local.getHours(), local.getMinutes(), local.getSeconds()].map(pad).join(':')}`;
};
