import { onEveryEngine } from '../engines/index.ts';
import { onRedis } from '../engines/redis.ts';
import { loopAccessSuite } from './loop/access.ts';
import { loopCopySuite } from './loop/copy.ts';
import { loopRecordSuite } from './loop/records.ts';
import { loopStandingSuite } from './loop/standing.ts';

onEveryEngine('loop', (harness) => {
  loopRecordSuite(harness);
  loopAccessSuite(harness);
  loopStandingSuite(harness);
  onRedis('in Redis', (server) => loopCopySuite(harness, server));
});
