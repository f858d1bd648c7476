import { describe } from 'vitest';
import type { Harness } from '../engines/index.ts';
import { answerSuite } from './signals/answers.ts';
import { endSuite } from './signals/ends.ts';
import { evidenceSuite } from './signals/evidence.ts';
import { inboxSuite } from './signals/inbox.ts';
import { successionSuite } from './signals/succession.ts';
import { waitSuite } from './signals/waiting.ts';

/** The contract of signals, on any engine. Ids in brackets are those of the published guarantees. */
export function signalsSuite(harness: Harness): void {
  describe('answers', () => answerSuite(harness));
  describe('ends', () => endSuite(harness));
  describe('inboxes', () => inboxSuite(harness));
  describe('waiting calls', () => waitSuite(harness));
  describe('succession', () => successionSuite(harness));
  describe('evidence', () => evidenceSuite(harness));
}
