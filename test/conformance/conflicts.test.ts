import { onEveryEngine } from '../engines/index.ts';
import { conflictsSuite } from './conflicts.ts';

onEveryEngine('conflicts', conflictsSuite);
