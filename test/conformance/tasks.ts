import { describe } from 'vitest';
import type { Harness } from '../engines/index.ts';
import { artifactSuite } from './tasks/artifacts.ts';
import { audienceSuite } from './tasks/audiences.ts';
import { claimSuite } from './tasks/claims.ts';
import { dependencySuite } from './tasks/dependencies.ts';
import { evidenceSuite } from './tasks/evidence.ts';
import { failureSuite } from './tasks/failures.ts';
import { taskInputSuite } from './tasks/input.ts';
import { taskStepSuite } from './tasks/steps.ts';
import { taskWaitSuite } from './tasks/waiting.ts';

/** The contract of tasks, on any engine. Ids in brackets are those of the published guarantees. */
export function tasksSuite(harness: Harness): void {
  describe('claims', () => claimSuite(harness));
  describe('failures', () => failureSuite(harness));
  describe('dependencies', () => dependencySuite(harness));
  describe('audiences', () => audienceSuite(harness));
  describe('waiting calls', () => taskWaitSuite(harness));
  describe('artifacts', () => artifactSuite(harness));
  describe('evidence', () => evidenceSuite(harness));
  describe('input', () => taskInputSuite(harness));
  describe('random steps', () => taskStepSuite(harness));
}
