import { statSync } from 'node:fs';
import { join } from 'node:path';
import { databaseName } from '../../src/folder.ts';
import type { Rookery } from '../../src/rookery.ts';
import { counterKey, group, guardedKey, type Outcome, stream } from './load.ts';

/** What the store holds at the end, against what it had acknowledged: each finding is something lost or done twice. */
export async function findings(rookery: Rookery, outcomes: readonly Outcome[]): Promise<string[]> {
  return [
    ...(await lostKeys(rookery, outcomes)),
    ...(await counters(rookery, outcomes)),
    ...(await mail(rookery, outcomes)),
    ...(await tasks(rookery, outcomes)),
    ...(await proof(rookery)),
  ];
}

/** An agent does one thing at a time, so the last value that was acknowledged is the one that must be there. */
async function lostKeys(rookery: Rookery, outcomes: readonly Outcome[]): Promise<string[]> {
  const lost: string[] = [];
  for (const { keys } of outcomes)
    for (const [name, value] of Object.entries(keys)) {
      const [agent = '', key = ''] = name.split('\n');
      const found = await rookery.as(agent).memory.get({ key });
      if (found?.value !== value) lost.push(`${name}: ${value} was acknowledged, ${found?.value} is there`);
    }
  return lost;
}

async function counters(rookery: Rookery, outcomes: readonly Outcome[]): Promise<string[]> {
  const counted = (await rookery.memory.get({ key: counterKey }))?.value ?? 0;
  const { keys } = await rookery.memory.keys({ pattern: `${guardedKey}/*` });
  let guarded = 0;
  for (const { key } of keys) guarded += (await rookery.memory.get({ key }))!.value as number;
  return [
    ...differ(
      'increments',
      sum(outcomes, ({ increments }) => increments),
      counted as number,
    ),
    ...differ(
      'writes under a lease',
      sum(outcomes, (outcome) => outcome.guarded),
      guarded,
    ),
  ];
}

async function mail(rookery: Rookery, outcomes: readonly Outcome[]): Promise<string[]> {
  const drained: number[] = outcomes.flatMap(({ delivered }) => delivered);
  const last = rookery.as('drain');
  for (;;) {
    const page = await last.mail.receive({ stream, group, max: 100, waitMs: 200 });
    if (!page || page.deliveries.length === 0) break;
    const deliveries = page.deliveries.map(({ deliveryId }) => deliveryId);
    await last.mail.ack({ stream, group, deliveries });
    drained.push(...page.deliveries.map(({ event }) => event.position));
  }
  return [
    ...differ(
      'events of mail',
      sum(outcomes, ({ appended }) => appended),
      new Set(drained).size,
    ),
    ...differ('acknowledged deliveries', drained.length, new Set(drained).size),
  ];
}

async function tasks(rookery: Rookery, outcomes: readonly Outcome[]): Promise<string[]> {
  const completed = outcomes.flatMap((outcome) => outcome.completed);
  const last = rookery.as('drain');
  for (let claimed = await last.tasks.claim({}); claimed; claimed = await last.tasks.claim({})) {
    await last.tasks.complete({ task: claimed.task.id, token: claimed.claim.token });
    completed.push(claimed.task.id);
  }
  return [
    ...differ(
      'tasks',
      sum(outcomes, ({ created }) => created),
      new Set(completed).size,
    ),
    ...differ('completions', completed.length, new Set(completed).size),
  ];
}

async function proof(rookery: Rookery): Promise<string[]> {
  const report = await rookery.audit.verify({});
  return report.findings.map(({ kind, subject, message }) => `${kind} ${subject}: ${message}`);
}

function differ(what: string, promised: number, found: number): string[] {
  return promised === found ? [] : [`${what}: ${promised} were acknowledged, ${found} are there`];
}

export function sum(outcomes: readonly Outcome[], of: (outcome: Outcome) => number): number {
  return outcomes.reduce((total, outcome) => total + of(outcome), 0);
}

export function megabytes(folder: string): string {
  const size = (name: string) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0;
  return ((size(databaseName) + size(`${databaseName}-wal`)) / 1e6).toFixed(0);
}
