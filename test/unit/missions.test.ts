import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as model from '../../src/domains/missions/model.ts';
import { redacted, withoutSecrets, withoutSecretText } from '../../src/domains/missions/redaction.ts';
import { prunable } from '../../src/domains/missions/retention.ts';

const allowed = (move: () => void): boolean => {
  try {
    move();
    return true;
  } catch {
    return false;
  }
};

describe('states', () => {
  it('lets a sortie go where seed 002 says, and nowhere else', () => {
    const moves = model.sortieStatuses.flatMap((from) =>
      model.sortieStatuses
        .filter((to) => allowed(() => model.moveSortie(from, to, true)))
        .map((to) => `${from}>${to}`),
    );
    expect(moves).toEqual([
      ...['pending>assigned', 'pending>in_progress', 'pending>failed', 'pending>cancelled'],
      ...['assigned>pending', 'assigned>in_progress', 'assigned>failed', 'assigned>cancelled'],
      ...[
        'in_progress>blocked',
        'in_progress>review',
        'in_progress>completed',
        'in_progress>failed',
        'in_progress>cancelled',
      ],
      ...['blocked>in_progress', 'blocked>failed', 'blocked>cancelled'],
      ...['review>in_progress', 'review>completed', 'review>failed', 'review>cancelled'],
    ]);
    expect(allowed(() => model.moveSortie('pending', 'in_progress', false))).toBe(false);
  });

  it('lets a mission go where seed 002 says, and nowhere else', () => {
    const moves = model.missionStatuses.flatMap((from) =>
      model.missionStatuses
        .filter((to) => allowed(() => model.moveMission(from, to)))
        .map((to) => `${from}>${to}`),
    );
    expect(moves).toEqual([
      ...['pending>in_progress', 'pending>cancelled'],
      ...['in_progress>review', 'in_progress>completed', 'in_progress>cancelled'],
      ...['review>in_progress', 'review>completed', 'review>cancelled'],
    ]);
  });
});

describe('shares', () => {
  it('are reached once each, whatever is completed when', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), (total) => {
        let at = 0;
        const reached: number[] = [];
        for (let completed = 0; completed <= total; completed++) {
          const share = model.shareReached(completed, total, at);
          if (share === undefined) continue;
          expect(completed * 100).toBeGreaterThanOrEqual(share * total);
          reached.push(share);
          at = share;
        }
        expect(new Set(reached).size).toBe(reached.length);
        expect(at).toBe(75);
        if (total >= 4) expect(reached).toEqual([25, 50, 75]);
      }),
    );
    expect(model.shareReached(0, 0, 0)).toBeUndefined();
  });
});

describe('retention', () => {
  const day = 86_400_000;
  it('never takes the newest few, nor the last of a completed mission before its time', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            age: fc.integer({ min: 0, max: 90 }),
            ttl: fc.option(fc.integer({ min: 0, max: 90 })),
          }),
        ),
        fc.integer({ min: 0, max: 5 }),
        fc.boolean(),
        (ages, keepPerMission, completed) => {
          const now = 1000 * day;
          const rows = ages
            .map(({ age, ttl }) => ({
              timestamp_ms: now - age * day,
              expires_at_ms: ttl === null ? null : now - age * day + ttl * day,
            }))
            .sort((a, b) => b.timestamp_ms - a.timestamp_ms);
          const gone = prunable(rows, completed, { olderThanDays: 7, keepPerMission }, now);
          for (const row of rows.slice(0, keepPerMission)) expect(gone).not.toContain(row);
          for (const row of gone) {
            const old = now - row.timestamp_ms > 7 * day;
            expect(old || (row.expires_at_ms !== null && row.expires_at_ms <= now)).toBe(true);
          }
          const [newest] = rows;
          if (completed && newest && now - newest.timestamp_ms < 30 * day) expect(gone).not.toContain(newest);
        },
      ),
    );
  });
});

describe('redaction', () => {
  it('blots out what looks like a secret and keeps the rest', () => {
    expect(withoutSecretText('Authorization: Bearer abcdefgh12345678 and go on')).toBe(
      `Authorization: ${redacted} and go on`,
    );
    expect(withoutSecretText('postgres://app:pa55@db:5432/x')).toBe(`postgres://app:${redacted}@db:5432/x`);
    expect(withoutSecretText('api_key=abc123; retry')).toBe(`api_key=${redacted} retry`);
    for (const secret of [
      'ghp_abcdefghijklmnopqrstuvwx',
      'AKIAABCDEFGHIJKLMNOP',
      'sk-live-abcdefghijklmnopqrst',
    ])
      expect(withoutSecretText(`use ${secret} here`)).toBe(`use ${redacted} here`);
    expect(
      withoutSecrets({ password: 'x', tokens: 7, path: 'src/token.ts', list: [{ apiKey: 'y' }] }),
    ).toEqual({
      password: redacted,
      tokens: 7,
      path: 'src/token.ts',
      list: [{ apiKey: redacted }],
    });
    for (const text of [
      'src/a.ts',
      'fixed the password form',
      'rename Token to Ticket',
      '50 % done: see msn-01ab',
    ])
      expect(withoutSecretText(text)).toBe(text);
  });

  it('leaves JSON what it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(JSON.stringify(withoutSecrets(value) ?? null))).toBeDefined();
      }),
    );
  });
});
