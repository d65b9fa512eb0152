import { posix } from 'node:path';

const MOST_BYTES = 150;
/** What tells a name from a path, has a meaning to a shell or a terminal, or is refused by other systems. */
const UNSAFE = /[\\/:*?"<>|`$;&\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const UNNAMED = 'attachment';

/** Names under which the files of a mail can lie in one folder: whatever their sender called them, each is safe and there once. */
export const mailFileNames = (names: readonly (string | null)[]): readonly string[] => {
  const taken = new Set<string>();
  return names.map((name) => {
    const safe = safeName(name ?? '');
    const { name: stem, ext } = posix.parse(safe);
    let free = safe;
    for (let count = 2; taken.has(free.toLowerCase()); count += 1) free = `${stem}-${count}${ext}`;
    taken.add(free.toLowerCase());
    return free;
  });
};

const safeName = (name: string): string => {
  const last = name.split(/[\\/]/).at(-1) ?? '';
  const clean = last
    .toWellFormed()
    .normalize('NFC')
    .replaceAll(UNSAFE, '_')
    .replaceAll(/\s+/gu, ' ')
    .trim()
    // No hidden files, nothing that looks like an option, no parent folder.
    .replace(/^[.\-~ ]+/, '')
    .replace(/[. ]+$/, '');
  return shorten(clean) || UNNAMED;
};

/** File systems count bytes; the extension stays. */
const shorten = (name: string): string => {
  if (Buffer.byteLength(name) <= MOST_BYTES) return name;
  const ext = posix.extname(name).slice(0, 20);
  let stem = name.slice(0, MOST_BYTES - ext.length);
  while (Buffer.byteLength(stem + ext) > MOST_BYTES) stem = stem.slice(0, -1);
  return stem.toWellFormed().replaceAll('\ufffd', '') + ext;
};
