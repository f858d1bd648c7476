import { describe } from 'vitest';
import type { Harness } from '../engines/index.ts';
import { ballotSuite } from './votes/ballots.ts';
import { decisionSuite } from './votes/decisions.ts';
import { evidenceSuite } from './votes/evidence.ts';
import { proposalSuite } from './votes/proposals.ts';

/** The contract of votes, on any engine. Ids in brackets are those of the published guarantees. */
export function votesSuite(harness: Harness): void {
  describe('proposals', () => proposalSuite(harness));
  describe('ballots', () => ballotSuite(harness));
  describe('decisions', () => decisionSuite(harness));
  describe('evidence', () => evidenceSuite(harness));
}
