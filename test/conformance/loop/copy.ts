import { expect, it } from 'vitest';
import type { Harness } from '../../engines/index.ts';
import type { RedisServer } from '../../engines/redis.ts';
import { ManualClock } from '../../support/clock.ts';
import { agreement, report, result, ruling } from '../../support/loop.ts';
import { dumpOf, relayed } from '../../support/redis.ts';

const envelope = {
  ...{ v: 1, alg: 'aes-256-gcm' },
  ...{ kid: expect.any(String), iv: expect.any(String), tag: expect.any(String), ct: expect.any(String) },
};
const keys = {
  confidence: 'cfn/phase-auth/loop3/confidence/coder-1',
  consensus: 'cfn/phase-auth/loop2/consensus/consensus-1',
  decision: 'cfn/phase-auth/loop4/decision/decision-1',
};
const phrases = [report.reasoning!, 'auth-middleware', ruling.reasoning!, ...ruling.deferredIssues!];

/** The keys and channels of seed 000 in Redis. */
export function loopCopySuite(harness: Harness, server: () => RedisServer): void {
  it('shows records under the keys of the seed, for their time, and nothing private [CF-C01, CF-C05, CF-R26]', async () => {
    const client = server().client();
    await client.flushall();
    const subscriber = server().client();
    const messages: [channel: string, message: Record<string, unknown>, text: string][] = [];
    subscriber.on('pmessage', (_, channel: string, text: string) =>
      messages.push([channel, JSON.parse(text), text]),
    );
    await subscriber.psubscribe('cfn-loop:*');
    const clock = new ManualClock();
    const rookery = await harness.open({ redis: server().url, clock });
    await rookery.fleet.register({ id: 'product-owner', system: true });
    const [coder, owner] = [rookery.as('coder-1'), rookery.as('product-owner')];
    await coder.loop.reportConfidence(report);
    await owner.loop.recordConsensus(agreement);
    await owner.loop.decide({ ...ruling, ttl: 60 });
    await relayed(rookery);
    expect(JSON.parse((await client.get(keys.confidence))!)).toEqual(envelope);
    expect(JSON.parse((await client.get(keys.decision))!)).toMatchObject(envelope);
    const { id: consensusId, validationResults, ...said } = agreement;
    expect(JSON.parse((await client.get(keys.consensus))!)).toEqual({
      ...{ ...said, consensusId },
      validationResults: validationResults!.map(({ validator: validatorId, ...rest }) => ({
        validatorId,
        ...rest,
      })),
    });
    const left = await Promise.all(
      [keys.confidence, keys.consensus, keys.decision].map((key) => client.ttl(key)),
    );
    expect(left.map((ttl) => ttl > 0)).toEqual([true, true, true]);
    expect([left[0]! <= 86_400, left[0]! > 86_000, left[2]! <= 60]).toEqual([true, true, true]);
    const timestamp = clock.now();
    expect(messages.map(([channel, message]) => [channel, message])).toEqual([
      [
        'cfn-loop:confidence',
        {
          ...{ type: 'loop3.confidence.stored', agentId: 'coder-1', phase: 'auth', iteration: 1 },
          ...{ key: keys.confidence, timestamp, sealed: envelope },
        },
      ],
      [
        'cfn-loop:consensus',
        {
          ...{ type: 'loop2.consensus.stored', consensusId, phase: 'auth' },
          ...{ status: 'achieved', score: 0.92, timestamp },
        },
      ],
      [
        'cfn-loop:decision',
        {
          ...{ type: 'loop4.decision.stored', decisionId: 'decision-1', phase: 'auth' },
          ...{ key: keys.decision, timestamp, sealed: expect.objectContaining(envelope) },
        },
      ],
    ]);
    const texts = [...(await dumpOf(client)).values(), ...messages.map(([, , text]) => text)].join('\n');
    expect(phrases.filter((phrase) => texts.includes(phrase))).toEqual([]);
    expect(texts).toContain('rotate the keys');
    // A consensus that was narrowed shows neither its score nor its results.
    await owner.loop.recordConsensus({
      ...agreement,
      id: 'own',
      level: 'private',
      validationResults: [result('v9')],
    });
    await relayed(rookery);
    expect(messages.at(-1)![1]).toMatchObject({ consensusId: 'own', sealed: envelope });
    expect(Object.keys(messages.at(-1)![1])).not.toContain('score');
    expect(JSON.parse((await client.get('cfn/phase-auth/loop2/consensus/own'))!)).toEqual(envelope);
    subscriber.disconnect();
  });

  it('shows what an agent said last, comes back whole after a loss, and ends with the record', async () => {
    const client = server().client();
    await client.flushall();
    const clock = new ManualClock();
    const rookery = await harness.open({ redis: server().url, clock });
    const coder = rookery.as('coder-1');
    const first = await coder.loop.reportConfidence({ ...report, iteration: 2, ttl: 5 });
    await coder.loop.reportConfidence({ ...report, iteration: 1 });
    await coder.loop.recordConsensus(agreement);
    await relayed(rookery);
    const shown = await client.get(keys.confidence);
    expect(await client.ttl(keys.confidence)).toBeGreaterThan(5);
    await client.flushall();
    await coder.loop.reportConfidence({ ...report, phase: 'other' });
    await relayed(rookery);
    expect(await client.get(keys.confidence)).toBe(shown);
    expect(await client.exists(keys.consensus)).toBe(1);
    clock.advance(first.expiresAt - clock.now());
    await rookery.loop.prune();
    await relayed(rookery);
    expect(await client.exists(keys.confidence)).toBe(0);
  });
}
