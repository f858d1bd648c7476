import { onEveryEngine } from '../engines/index.ts';
import { memorySuite } from './memory.ts';

onEveryEngine('memory', memorySuite);
