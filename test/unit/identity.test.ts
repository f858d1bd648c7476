import { expect, it } from 'vitest';
import { z } from 'zod';
import { mutation, type Operation } from '../../src/kernel/operation.ts';
import { operationList } from '../../src/operations.ts';

/** Words under which a request could try to say who asks. */
const identityWords = [
  ...['agent', 'agentId', 'as', 'asAgent', 'actor', 'principal', 'identity', 'user', 'userId', 'tenant'],
  ...['owner', 'author', 'sender', 'senderId', 'via', 'accessToken', 'project', 'projectId', '_meta'],
];

/**
 * Fields of those names that say whom an operation is about, never who asks: each has a case in the access suite, or
 * filters a list that the whole project may read.
 */
const reviewed = new Set([
  'access.grant agent',
  'access.grants agent',
  'token.create agent',
  'token.list agent',
  'locks.waiters agent',
  'signals.verify agent',
  ...['lifecycle', 'reportConfidence', 'reportError', 'terminate', 'performance', 'updatePerformance'].map(
    (verb) => `fleet.${verb} agent`,
  ),
  ...['grantPermission', 'hasPermission', 'permissions', 'handoffs', 'claimHandoff'].map(
    (verb) => `fleet.${verb} agent`,
  ),
  ...['addToTeam', 'removeFromTeam'].map((verb) => `fleet.${verb} agent`),
  'roles.grant agent',
  'roles.revoke agent',
  'roles.list agent',
  'keys.erase agent',
  'loop.confidences agent',
  'messages.list sender',
]);

/** The operations that would take an identity from their input. */
function takersOfIdentity(operations: readonly Operation[]): string[] {
  return operations.flatMap(({ name, input }) =>
    identityWords
      .filter((word) => {
        const issues = input.safeParse({ [word]: 'boss' }).error?.issues ?? [];
        return !issues.some((issue) => issue.code === 'unrecognized_keys' && issue.keys.includes(word));
      })
      .map((word) => `${name} ${word}`),
  );
}

it('takes no identity from the input of any operation [S4]', () => {
  expect(takersOfIdentity(operationList).filter((field) => !reviewed.has(field))).toEqual([]);
});

it('would notice an operation that does [S4 sabotage]', () => {
  const careless = mutation({
    name: 'memory.careless',
    summary: 'Read identity from the body',
    input: z.looseObject({ key: z.string() }),
    output: z.null(),
    access: 'write',
    route: null,
    *run(context, input) {
      yield* context.record({ kind: 'memory', name: String(input['agent']), scope: 'project' });
      return null;
    },
  });
  expect(takersOfIdentity([careless as never])).toHaveLength(identityWords.length);
});
