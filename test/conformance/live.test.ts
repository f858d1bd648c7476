import { onEveryEngine } from '../engines/index.ts';
import { onRedis } from '../engines/redis.ts';
import { copySuite } from './live/copy.ts';

onRedis('live copy', (server) => {
  onEveryEngine('live copy', (harness) => copySuite(harness, server));
});
