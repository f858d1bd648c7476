import { z } from 'zod';
import type { Level, Membership } from '../../../kernel/access/model.ts';
import { levelOf } from '../../../kernel/access/model.ts';
import * as schema from '../../../kernel/schema.ts';

/**
 * Words. A *permission* answers a question: may this agent do this *act* on this *resource type* in its own audience of
 * this level? It opens no data, of whatever audience; what may be read and written is for memberships and grants. What a
 * permission is asked for is up to whoever asks. Capabilities answer no such question.
 *
 * Everybody has the *default* acts in the audiences it belongs to; others are given by permissions, each until a time.
 *
 * States of a permission: in force → (expired | revoked), both final.
 */
export const resourceTypes = [
  'memory',
  'task',
  'event',
  'consensus',
  'metrics',
  'audit',
  'system',
  'project',
] as const;
export type ResourceType = (typeof resourceTypes)[number];

const defaults: Readonly<Partial<Record<ResourceType, readonly string[]>>> = {
  memory: ['read', 'write'],
  task: ['read', 'write'],
  event: ['read', 'write'],
  consensus: ['read', 'vote'],
};

/** Permission for every act there is. */
export const everyAct = '*';

export const resourceType = z.enum(resourceTypes, `one of ${resourceTypes.join(', ')}`);
export const act = schema.name.describe(
  'For example read, write, delete, execute, vote, admin; "*" is every act',
);

export const reasons = ['default', 'permission', 'inactive', 'audience', 'nothing'] as const;

/** Why an agent may or may not, and until when that is sure; null: until something is changed. */
export interface Decision {
  readonly allowed: boolean;
  /** `default` and `permission` allow; inactive, outside the audience, or nothing was given: these do not. */
  readonly because: (typeof reasons)[number];
  readonly until: number | null;
}

export interface Question {
  readonly agent: string;
  readonly resourceType: ResourceType;
  readonly act: string;
  readonly level: Level;
}

export interface Given {
  readonly acts: readonly string[];
  readonly expiresAt: number | null;
}

/** The answer, from the memberships and permissions that are in force. */
export function decide(
  { resourceType: type, act: wanted, level }: Question,
  memberships: readonly Membership[],
  given: readonly Given[],
): Decision {
  if (memberships.length === 0) return { allowed: false, because: 'inactive', until: null };
  const own = memberships.filter(({ scope }) => levelOf(scope) === level);
  const memberUntil = latest(own.map(({ expiresAt }) => expiresAt));
  if (memberUntil === undefined) return { allowed: false, because: 'audience', until: null };
  if (defaults[type]?.includes(wanted)) return { allowed: true, because: 'default', until: memberUntil };
  const covering = given.filter(({ acts }) => acts.includes(wanted) || acts.includes(everyAct));
  const givenUntil = latest(covering.map(({ expiresAt }) => expiresAt));
  if (givenUntil === undefined) return { allowed: false, because: 'nothing', until: null };
  return { allowed: true, because: 'permission', until: earlier(memberUntil, givenUntil) };
}

/** The last of some ends, null being never; undefined where there are none. */
function latest(ends: readonly (number | null)[]): number | null | undefined {
  if (ends.length === 0) return undefined;
  return ends.some((end) => end === null) ? null : Math.max(...ends.map((end) => end!));
}

function earlier(one: number | null, other: number | null): number | null {
  if (one === null) return other;
  return other === null ? one : Math.min(one, other);
}
