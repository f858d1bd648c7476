import { onEveryEngine } from '../engines/index.ts';
import { tasksSuite } from './tasks.ts';

onEveryEngine('tasks', tasksSuite);
