import { describeSandboxSuite } from './suite.ts';
import { findSkipReason } from './support.ts';

describeSandboxSuite('just-bash', await findSkipReason('just-bash'));
