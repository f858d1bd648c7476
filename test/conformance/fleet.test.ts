import { describe } from 'vitest';
import { onEveryEngine } from '../engines/index.ts';
import { agentsSuite } from './agents.ts';
import { coordinatorSuite } from './coordinators.ts';
import { fleetSuite } from './fleet.ts';
import { livesSuite } from './lives.ts';
import { permissionSuite } from './permissions.ts';
import { rolesSuite } from './roles.ts';
import { specialistSuite } from './specialists.ts';

onEveryEngine('fleet', (harness) => {
  fleetSuite(harness);
  specialistSuite(harness);
  describe('roles', () => rolesSuite(harness));
  describe('agents', () => agentsSuite(harness));
  describe('lives', () => livesSuite(harness));
  describe('permissions', () => permissionSuite(harness));
  describe('coordinators', () => coordinatorSuite(harness));
});
