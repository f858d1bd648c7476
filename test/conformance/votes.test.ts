import { onEveryEngine } from '../engines/index.ts';
import { votesSuite } from './votes.ts';

onEveryEngine('votes', votesSuite);
