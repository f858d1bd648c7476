import { onEveryEngine } from '../engines/index.ts';
import { loopAccessSuite } from './loop/access.ts';
import { loopRecordSuite } from './loop/records.ts';
import { loopStandingSuite } from './loop/standing.ts';

onEveryEngine('loop', (harness) => {
  loopRecordSuite(harness);
  loopAccessSuite(harness);
  loopStandingSuite(harness);
});
