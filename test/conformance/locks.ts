import { describe } from 'vitest';
import type { Harness } from '../engines/index.ts';
import { conflictSuite } from './locks/conflicts.ts';
import { deadlockSuite } from './locks/deadlocks.ts';
import { evidenceSuite } from './locks/evidence.ts';
import { fenceSuite } from './locks/fences.ts';
import { inputSuite } from './locks/input.ts';
import { leaseSuite } from './locks/leases.ts';
import { listSuite } from './locks/lists.ts';
import { queueSuite } from './locks/queue.ts';
import { stepSuite } from './locks/steps.ts';
import { waitSuite } from './locks/waiting.ts';

/** The contract of locks, on any engine. Ids in brackets are those of the published guarantees. */
export function locksSuite(harness: Harness): void {
  describe('leases', () => leaseSuite(harness));
  describe('conflicts', () => conflictSuite(harness));
  describe('fences', () => fenceSuite(harness));
  describe('the queue', () => queueSuite(harness));
  describe('waiting calls', () => waitSuite(harness));
  describe('deadlocks', () => deadlockSuite(harness));
  describe('lists', () => listSuite(harness));
  describe('evidence', () => evidenceSuite(harness));
  describe('input', () => inputSuite(harness));
  describe('random steps', () => stepSuite(harness));
}
