import { onEveryEngine } from '../engines/index.ts';
import { onRedis } from '../engines/redis.ts';
import { redisCases } from './keys/redis.ts';
import { keysSuite } from './keys.ts';

onEveryEngine('keys', keysSuite);
onRedis('keys with a live copy', redisCases);
