import { expect, it } from 'vitest';
import { type RedisPort, redisPortOf } from '../../src/kernel/live/redis.ts';
import * as scripts from '../../src/kernel/live/relay/scripts.ts';
import { onRedis, type RedisServer } from '../engines/redis.ts';
import { feedOf } from '../support/redis.ts';
import { sabotaged } from '../support/sabotage.ts';
import { until } from '../support/until.ts';

type Scripts = Pick<typeof scripts, 'begin' | 'push' | 'fill'>;

const place = ['rookery:default', 'store', 'token'];
const key = 'rookery:default:memory:project:default/k';
const set = (version: number) => ['set', key, '', version, `value ${version}`, ''];
const entry = (seq: number) => [
  seq,
  `entry ${seq}`,
  2,
  ...set(seq),
  'publish',
  'news',
  '',
  0,
  `news ${seq}`,
  '',
];

/** What came of some steps: the answers, the feed, the hot key and the messages. */
async function outcomeOf(server: RedisServer, steps: (port: RedisPort) => (() => Promise<string[]>)[]) {
  const client = server.client();
  await client.flushall();
  const heard: string[] = [];
  const listener = server.client();
  await listener.subscribe('news', 'end');
  const ended = new Promise<void>((resolve) => {
    listener.on('message', (channel, message) => (channel === 'end' ? resolve() : heard.push(message)));
  });
  const port = await redisPortOf(server.client());
  await until('connected', () => port.state === 'connected');
  const answers: (string | undefined)[] = [];
  for (const step of steps(port)) {
    const [answer] = await step().catch(() => ['failed']);
    answers.push(answer);
  }
  await client.publish('end', '');
  await ended;
  await port.close();
  return { answers, feed: await feedOf(client), value: await client.get(key), heard };
}

const twice = ({ begin, push }: Scripts, port: RedisPort) => [
  () => begin.run(port, [...place, 0, 2, 0]),
  () => push.run(port, [...place, 0, 100, ...entry(1), ...entry(2)]),
  () => push.run(port, [...place, 0, 100, ...entry(1), ...entry(2)]),
];
const afterGap = ({ begin, push }: Scripts, port: RedisPort) => [
  () => begin.run(port, [...place, 0, 9, 0]),
  () => push.run(port, [...place, 8, 100, ...entry(9)]),
];
const olderLast = ({ begin, push, fill }: Scripts, port: RedisPort) => [
  () => begin.run(port, [...place, 0, 2, 0]),
  () => push.run(port, [...place, 0, 100, ...entry(1), ...entry(2)]),
  () => fill.run(port, [...place, 1, ...set(1)]),
];

const sabotagedBy = (text: string, by: string) =>
  sabotaged<typeof scripts>('live/relay/scripts.ts', { text, by });

onRedis('what the scripts guard', (server) => {
  it('applies what comes twice once [DW2] [DW-x2]', async () => {
    const expected = {
      answers: ['begun', 'applied', 'applied'],
      feed: [1, 2],
      value: 'value 2',
      heard: ['news 1', 'news 2'],
    };
    expect(await outcomeOf(server(), (port) => twice(scripts, port))).toEqual(expected);
    const twin = await sabotagedBy('if tonumber(seq) > tonumber(position) then', 'if true then');
    expect(await outcomeOf(server(), (port) => twice(twin, port))).not.toEqual(expected);
  });

  it('applies nothing that does not follow what it has [DW2] [DW4]', async () => {
    const expected = { answers: ['begun', 'lost'], feed: [], value: null, heard: [] };
    expect(await outcomeOf(server(), (port) => afterGap(scripts, port))).toEqual(expected);
    const twin = await sabotagedBy('tonumber(kept) < tonumber(ARGV[4])', 'false');
    expect(await outcomeOf(server(), (port) => afterGap(twin, port))).not.toEqual(expected);
  });

  it('keeps the newer of two versions, whichever comes last [DW3]', async () => {
    const { value } = await outcomeOf(server(), (port) => olderLast(scripts, port));
    expect(value).toBe('value 2');
    const twin = await sabotagedBy(
      'return keptToken ~= token or tonumber(keptVersion) <= tonumber(version)',
      'return true',
    );
    expect((await outcomeOf(server(), (port) => olderLast(twin, port))).value).toBe('value 1');
  });
});
