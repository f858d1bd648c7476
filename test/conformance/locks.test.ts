import { onEveryEngine } from '../engines/index.ts';
import { locksSuite } from './locks.ts';

onEveryEngine('locks', locksSuite);
