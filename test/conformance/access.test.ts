import { onEveryEngine } from '../engines/index.ts';
import { accessSuite } from './access.ts';
import { denialSuite } from './denials.ts';
import { nonInterferenceSuite } from './noninterference.ts';
import { revocationSuite } from './revocation.ts';

onEveryEngine('access', (harness) => {
  accessSuite(harness);
  denialSuite(harness);
  revocationSuite(harness);
  nonInterferenceSuite(harness);
});
