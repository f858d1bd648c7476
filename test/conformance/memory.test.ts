import { onEveryEngine } from '../engines/index.ts';
import { memorySuite } from './memory.ts';
import { memoryExchangeSuite } from './memory-exchange.ts';
import { memoryExpirySuite } from './memory-expiry.ts';
import { memorySecrecySuite } from './memory-secrecy.ts';

onEveryEngine('memory', memorySuite, { standIn: true });
onEveryEngine('memory expiry', memoryExpirySuite);
onEveryEngine('memory secrecy', memorySecrecySuite);
onEveryEngine('memory exchange and statistics', memoryExchangeSuite);
