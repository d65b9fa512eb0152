/** Writes docs/config.md from the table of settings: `node scripts/write-config-doc.ts`. A test compares the two. */
import { writeFileSync } from 'node:fs';
import { SETTINGS, type Setting } from '../src/core/settings.ts';

const INTRODUCTION = `# Settings

Nothing needs to be set. Written by \`node scripts/write-config-doc.ts\` from \`src/core/settings.ts\`; change that file instead of this one.

A setting may come from the command line (\`--data-dir\`, kebab-case), from the environment, or from the JSON file named by \`--config\` (camelCase keys). The command line wins over the environment, the environment over the file. An empty variable counts as absent, and so does \`null\` in the file.

A bad value, or a \`KAZI_\` variable that is not listed here, stops the start with one message that lists every fault; the exit code is 2.
`;

/** The whole text of docs/config.md. */
export const renderConfigDoc = (): string => {
  const rows = Object.entries<Setting<unknown>>(SETTINGS).map(([key, setting]) => {
    const fallback = setting.absence ?? `\`${String(setting.fallback)}\``;
    return `| \`${setting.variable}\` | \`${key}\` | ${setting.documentation} | ${setting.kind.expected} | ${fallback} |`;
  });
  return [
    INTRODUCTION,
    '| Variable | Key in the file | Meaning | Expected | Default |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
};

if (import.meta.main) writeFileSync(new URL('../docs/config.md', import.meta.url), renderConfigDoc());
