import { expect, it } from 'vitest';
import { hotKeyOf } from '../../src/domains/memory/hot.ts';

it('keeps the keys of a project apart from those of every other', () => {
  const place = { scope: 'project', key: 'k' };
  const inside = hotKeyOf('a', { ...place, namespace: 'memory:project:ns' });
  expect(inside).toBe('rookery:a:memory:project:memory:project:ns/k');
  expect(hotKeyOf('a:memory:project', { ...place, namespace: 'ns' })).not.toBe(inside);
});
