import { describe } from 'vitest';
import type { Harness } from '../engines/index.ts';
import { checkpointSuite } from './missions/checkpoints.ts';
import { lifeSuite } from './missions/lives.ts';
import { messageSuite } from './missions/messages.ts';
import { recoverySuite } from './missions/recovery.ts';
import { missionVerificationSuite } from './missions/verification.ts';

/** The contract of missions, sorties, checkpoints and messages, on any engine. */
export function missionSuite(harness: Harness): void {
  describe('lives', () => lifeSuite(harness));
  describe('checkpoints', () => checkpointSuite(harness));
  describe('recovery', () => recoverySuite(harness));
  describe('messages', () => messageSuite(harness));
  describe('verification', () => missionVerificationSuite(harness));
}
