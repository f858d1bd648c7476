import { onEveryEngine } from '../engines/index.ts';
import { tokenSuite } from './tokens.ts';

onEveryEngine('tokens', tokenSuite);
