import { expect, it } from 'vitest';
import { parse } from '../../src/kernel/parse.ts';
import { operations } from '../../src/operations.ts';

it('names the field and says in plain words what it takes', () => {
  const { access, fleet, tasks, votes } = operations;
  const refused = [
    [votes.list.input, { awaiting: 'yes' }, 'awaiting: true or false'],
    [fleet.lifecycle.input, { agent: 'a', types: 'spawn' }, 'types: a list'],
    [tasks.create.input, { title: 't', dependsOn: ['x'] }, 'dependsOn.0: a JSON object'],
    [tasks.create.input, { title: 't', bogus: 1 }, 'bogus: no such field'],
    [tasks.create.input, { title: 3 }, 'title: text'],
    [access.grant.input, { agent: 'a', resource: 'memory', ttl: 1 }, 'acts: required: a list'],
  ] as const;
  for (const [schema, input, message] of refused)
    expect(() => parse(schema, input)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT', message }));
});
