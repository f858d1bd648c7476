import { onEveryEngine } from '../engines/index.ts';
import { missionSuite } from './missions.ts';

onEveryEngine('missions', missionSuite);
