import { expect, it } from 'vitest';
import { routeOf } from '../../src/doors/http/request.ts';
import { operationList } from '../../src/operations.ts';

it('reaches every operation that has a route, with fields of its own in the path', () => {
  for (const operation of operationList) {
    const route = routeOf(operation);
    if (!route) continue;
    const named = [...operation.route!.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name);
    expect(route.parameters, operation.name).toEqual(named);
    expect([...route.fields.keys()], operation.name).toEqual(expect.arrayContaining(named));
    const path = operation.route!.split(' ')[1]!.replace(/\{[^}]*\}/g, 'x');
    expect(route.pattern.exec(path)?.length, operation.name).toBe(1 + named.length);
  }
});
