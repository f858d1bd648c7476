import type { Level } from '../../kernel/access/model.ts';
import { levels } from '../../kernel/access/model.ts';

/** The numbers that seeds 000 and 001 give the five audiences. A number names an audience and ranks nothing. */
export const ACLLevel = { PRIVATE: 1, TEAM: 2, SWARM: 3, PROJECT: 4, SYSTEM: 5 } as const;
export type ACLLevel = (typeof ACLLevel)[keyof typeof ACLLevel];

/** A level as callers give it: a number or a name in any case. */
export type ACLLevelInput = ACLLevel | number | string;

/** `legacy-6` reads the numbers of six-level installations: 4 and 5 mean project, 6 means system. */
export type ACLScheme = 'five' | 'legacy-6';

const names: ReadonlyMap<string, Level> = new Map([
  ...levels.map((level) => [level, level] as const),
  ['public', 'project'],
]);
const legacyNumbers: readonly Level[] = ['private', 'team', 'swarm', 'project', 'project', 'system'];

/** The audience that a number or name means. Throws `RangeError('Invalid aclLevel')` for anything else. */
export function levelFrom(given: unknown, scheme: ACLScheme = 'five'): Level {
  const level =
    typeof given === 'string'
      ? names.get(given.toLowerCase())
      : Number.isInteger(given)
        ? (scheme === 'five' ? levels : legacyNumbers)[(given as number) - 1]
        : undefined;
  if (level === undefined) throw new RangeError('Invalid aclLevel');
  return level;
}

export function numberOf(level: Level): ACLLevel {
  return (levels.indexOf(level) + 1) as ACLLevel;
}
