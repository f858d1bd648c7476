import { onEveryEngine } from '../engines/index.ts';
import { rolesSuite } from './roles.ts';

onEveryEngine('roles', rolesSuite);
