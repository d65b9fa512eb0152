/** The rules of the house style that no linter brings: loaded by .oxlintrc.json as `kazi/…`. */
import { doubleCastRule } from './double-cast-rule.ts';
import { environmentRule } from './environment-rule.ts';
import { exportsRule } from './exports-rule.ts';
import { fileNameRule } from './file-name-rule.ts';
import { layersRule } from './layers-rule.ts';
import { moduleStateRule } from './module-state-rule.ts';
import { sqlRule } from './sql-rule.ts';

// oxlint takes a plugin from the default export.
export default {
  meta: { name: 'kazi' },
  rules: {
    'double-cast': doubleCastRule,
    environment: environmentRule,
    exports: exportsRule,
    'file-name': fileNameRule,
    layers: layersRule,
    'module-state': moduleStateRule,
    sql: sqlRule,
  },
};
