import { describeSandboxSuite } from './suite.ts';
import { findSkipReason } from './support.ts';

describeSandboxSuite('bubblewrap', await findSkipReason('bubblewrap'));
