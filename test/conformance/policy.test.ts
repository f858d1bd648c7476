import { onEveryEngine } from '../engines/index.ts';
import { policySuite } from './policy.ts';

onEveryEngine('policy', policySuite);
