import { describe } from 'vitest';
import type { Harness } from '../engines/index.ts';
import { audienceSuite } from './mail/audiences.ts';
import { cursorSuite } from './mail/cursors.ts';
import { streamSuite } from './mail/streams.ts';

/** The contract of mail, on any engine. Ids in brackets are those of the published guarantees. */
export function mailSuite(harness: Harness): void {
  describe('streams', () => streamSuite(harness));
  describe('audiences', () => audienceSuite(harness));
  describe('cursors', () => cursorSuite(harness));
}
