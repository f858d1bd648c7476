import { Redis } from 'ioredis';
import { openRookery } from '../src/rookery.ts';

/**
 * The targets of the signal bench in a process of their own, which hear of signals through Redis alone: the feed says that
 * there is one, and each target's key which. `redis-answerer.ts FOLDER URL SIGNALS TARGET…`.
 */
const [path = '', url = '', signals = '', ...targets] = process.argv.slice(2);
await using rookery = await openRookery({ path, redis: url });
for (const target of targets) await rookery.as(target).fleet.register({});
const [feed, hot] = [new Redis(url), new Redis(url)];
const position = await hot.xinfo('STREAM', 'rookery:default:feed').then(lastIdOf, () => '0-0');
process.send?.('answering');
await answer(position, Number(signals));
for (const client of [feed, hot]) client.disconnect();
process.disconnect();

async function answer(from: string, total: number): Promise<void> {
  for (let [after, answered] = [from, 0]; answered < total; ) {
    const page = await feed.xread('BLOCK', 0, 'STREAMS', 'rookery:default:feed', after);
    const entries = page?.[0]?.[1] ?? [];
    after = entries.at(-1)?.[0] ?? after;
    const sent = entries.filter(([, [, entry]]) => JSON.parse(entry!).op === 'signals.send').length;
    if (sent > 0) await Promise.all(targets.map(acknowledge));
    answered += sent;
  }
}

async function acknowledge(target: string): Promise<void> {
  const newest = await hot.get(`blocking:signal:${target}`);
  const { messageId: signal } = JSON.parse(newest!) as { messageId: string };
  await rookery.as(target).signals.acknowledge({ signal });
}

function lastIdOf(facts: unknown): string {
  const list = facts as unknown[];
  return String(list[list.indexOf('last-generated-id') + 1]);
}
