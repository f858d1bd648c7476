import { onEveryEngine } from '../engines/index.ts';
import { keysSuite } from './keys.ts';

onEveryEngine('keys', keysSuite);
