import { PermissionAnswers } from '../../src/domains/fleet/rights/permission-answers.ts';
import { atMost, type Bench, count, type Row } from '../measure.ts';
import { withStore } from '../stores.ts';

const question = { agent: 'coder-1', resourceType: 'memory', act: 'read', level: 'swarm' } as const;

/** Whether an agent may: remembered until anything that it rests on changes, and asked of the store. */
export const accessBenches: readonly Bench[] = [
  {
    name: 'access check, cached',
    run(scale) {
      return withStore(async ({ rookery }): Promise<Row> => {
        await rookery.as('coder-1').fleet.heartbeat({});
        const checks = count(200_000, scale);
        rookery.permissions.check(question);
        return timed(this.name, checks, 1, () => {
          for (let i = 0; i < checks; i++) rookery.permissions.check(question);
        });
      });
    },
  },
  {
    name: 'access check, uncached',
    run(scale) {
      return withStore(async ({ rookery }): Promise<Row> => {
        await rookery.as('coder-1').fleet.heartbeat({});
        const checks = count(20_000, scale);
        return timed(this.name, checks, 20, () => {
          for (let i = 0; i < checks; i++) {
            new PermissionAnswers(rookery.store, 'default').check(question);
          }
        });
      });
    },
  },
];

function timed(name: string, checks: number, target: number, act: () => void): Row {
  const started = performance.now();
  act();
  const microseconds = ((performance.now() - started) * 1000) / checks;
  return { name, microseconds, measured: { value: microseconds, unit: 'µs' }, target: atMost(target) };
}
