import { onEveryEngine } from '../engines/index.ts';
import { memoryAudienceSuite } from './memory-audiences.ts';
import { memoryInputSuite } from './memory-input.ts';

onEveryEngine('memory audiences', memoryAudienceSuite);
onEveryEngine('memory input', memoryInputSuite);
