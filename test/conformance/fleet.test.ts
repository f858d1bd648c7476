import { onEveryEngine } from '../engines/index.ts';
import { fleetSuite } from './fleet.ts';
import { specialistSuite } from './specialists.ts';

onEveryEngine('fleet', (harness) => {
  fleetSuite(harness);
  specialistSuite(harness);
});
