import { describe } from 'vitest';
import type { Harness } from '../engines/index.ts';
import { audienceSuite } from './mail/audiences.ts';
import { chronicleSuite } from './mail/chronicle.ts';
import { conservationSuite } from './mail/conservation.ts';
import { cursorSuite } from './mail/cursors.ts';
import { groupSuite, orderSuite } from './mail/groups.ts';
import { streamSuite } from './mail/streams.ts';
import { verificationSuite } from './mail/verification.ts';
import { waitSuite } from './mail/waiting.ts';

/** The contract of mail, on any engine. Ids in brackets are those of the published guarantees. */
export function mailSuite(harness: Harness): void {
  describe('streams', () => streamSuite(harness));
  describe('audiences', () => audienceSuite(harness));
  describe('chronicle', () => chronicleSuite(harness));
  describe('cursors', () => cursorSuite(harness));
  describe('groups', () => groupSuite(harness));
  describe('groups that keep order', () => orderSuite(harness));
  describe('groups under random steps', () => conservationSuite(harness));
  describe('verification', () => verificationSuite(harness));
  describe('waiting', () => waitSuite(harness));
}
