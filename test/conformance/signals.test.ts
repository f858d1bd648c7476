import { onEveryEngine } from '../engines/index.ts';
import { signalsSuite } from './signals.ts';

onEveryEngine('signals', signalsSuite);
