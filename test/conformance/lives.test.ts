import { onEveryEngine } from '../engines/index.ts';
import { livesSuite } from './lives.ts';

onEveryEngine('lives of agents', livesSuite);
