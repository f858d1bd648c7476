import { randomBytes } from 'node:crypto';
import { compress, compressionFrom, decompress } from '../../../kernel/vault/codecs.ts';
import { nonceLength, open, seal, secretKey } from '../../../kernel/vault/primitives.ts';
import { SwarmMemoryManager } from '../memory/manager.ts';
import { storeSettings } from '../memory/options.ts';
import type { Scratch } from './scratch.ts';
import { type Throughput, type Timing, timed, together } from './timing.ts';

export interface Configuration {
  readonly testIterations: number;
  readonly concurrency: number;
  readonly enableEncryption: boolean;
  readonly enableCompression: boolean;
}

/** Milliseconds everywhere. */
export interface BenchmarkTests {
  readonly basic_operations: Readonly<Record<'set' | 'get' | 'has' | 'delete', Timing>>;
  readonly concurrent_operations: Readonly<Record<'concurrent_sets' | 'concurrent_gets', Throughput>>;
  readonly acl_performance: { readonly acl_checks: Timing; readonly cache_hit_rate: number };
  /** Null where it was not asked for. */
  readonly encryption_performance: Readonly<Record<'encrypt' | 'decrypt', Timing>> | null;
  readonly compression_performance:
    | (Readonly<Record<'compress' | 'decompress', Timing>> & { readonly compression_ratio: Ratio })
    | null;
  readonly large_data_operations: Readonly<Record<'set' | 'get', Timing>>;
  readonly ttl_operations: Readonly<Record<'setex' | 'get', Timing>>;
  readonly namespace_operations: Readonly<Record<'set' | 'get' | 'keys', Timing>>;
  readonly backup_restore: Readonly<Record<'backup' | 'restore', Timing>>;
  readonly optimization_operations: Readonly<Record<'vacuum' | 'analyze' | 'cache_clear', Timing>>;
}

export interface Ratio {
  readonly avg: number;
  readonly min: number;
  readonly max: number;
}

const value = { name: 'John Doe', email: 'john@example.com', roles: ['api', 'database'] };
/** What costs more than one call is measured this often at most. */
const fewRounds = 50;
const agents = 10;

export async function measureAll(scratch: Scratch, asked: Configuration): Promise<BenchmarkTests> {
  const basic = await basicOperations(scratch, asked);
  return {
    basic_operations: basic,
    concurrent_operations: await concurrentOperations(scratch, asked),
    acl_performance: await aclPerformance(scratch, asked),
    encryption_performance: asked.enableEncryption ? await encryptionPerformance(asked) : null,
    compression_performance: asked.enableCompression ? await compressionPerformance(asked) : null,
    large_data_operations: await largeData(scratch, asked),
    ttl_operations: await ttlOperations(scratch, asked),
    namespace_operations: await namespaceOperations(scratch, asked),
    backup_restore: await backupAndRestore(scratch),
    optimization_operations: await optimization(scratch),
  };
}

const few = ({ testIterations }: Configuration) => Math.min(testIterations, fewRounds);

async function basicOperations({ adapter }: Scratch, { testIterations }: Configuration) {
  return {
    set: await timed(testIterations, (i) => adapter.set(`key-${i}`, value)),
    get: await timed(testIterations, (i) => adapter.get(`key-${i}`)),
    has: await timed(testIterations, (i) => adapter.has(`key-${i}`)),
    delete: await timed(testIterations, (i) => adapter.delete(`key-${i}`)),
  };
}

async function concurrentOperations(
  { adapter }: Scratch,
  { testIterations: rounds, concurrency }: Configuration,
) {
  return {
    concurrent_sets: await together(rounds, concurrency, (i) => adapter.set(`shared-${i}`, value)),
    concurrent_gets: await together(rounds, concurrency, (i) => adapter.get(`shared-${i}`)),
  };
}

/** Questions about a few agents, again and again, as a fleet asks them. */
async function aclPerformance({ registry }: Scratch, { testIterations }: Configuration) {
  for (let i = 0; i < agents; i++) await registry.registerAgent({ id: `checked-${i}` });
  const before = registry.getMetrics();
  const checks = await timed(testIterations, (i) =>
    registry.hasPermission(`checked-${i % agents}`, 'memory', 'read', 3),
  );
  const { cacheHits, cacheMisses } = registry.getMetrics();
  const hits = cacheHits - before.cacheHits;
  return { acl_checks: checks, cache_hit_rate: hits / (hits + cacheMisses - before.cacheMisses) };
}

/** 1 KB with AES-256-GCM, as entries are sealed. */
async function encryptionPerformance({ testIterations }: Configuration) {
  const key = secretKey(randomBytes(32));
  const nonce = randomBytes(nonceLength);
  const aad = Buffer.from('benchmark');
  const plain = randomBytes(1024);
  const sealed = seal(key, nonce, aad, plain);
  return {
    encrypt: await timed(testIterations, () => seal(key, randomBytes(nonceLength), aad, plain)),
    decrypt: await timed(testIterations, () => open(key, nonce, aad, sealed)),
  };
}

/** 10 KB of JSON as agents leave it, with the codec that entries are compressed with. */
async function compressionPerformance(asked: Configuration) {
  const compression = compressionFrom(storeSettings({}).compression);
  const texts = Array.from({ length: few(asked) }, (_, i) => Buffer.from(textOf(10 * 1024, i)));
  const packed = texts.map((text) => compress(text, compression));
  const ratios = packed.map(({ bytes }, i) => texts[i]!.length / bytes.length);
  return {
    compress: await timed(texts.length, (i) => compress(texts[i]!, compression)),
    decompress: await timed(texts.length, (i) => decompress(packed[i]!.bytes, packed[i]!.codec)),
    compression_ratio: {
      avg: ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length,
      min: Math.min(...ratios),
      max: Math.max(...ratios),
    },
  };
}

const words = 'agent swarm memory lock vote signal phase loop review test build deploy index query'.split(
  ' ',
);

/** Records with the same fields and words in no order: neither random bytes nor one text repeated. */
function textOf(length: number, seed: number): string {
  let state = seed + 1;
  const next = (below: number) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  const word = () => words[next(words.length)]!;
  const records: object[] = [];
  for (let size = 0; size < length; size += 100) {
    const note = Array.from({ length: 4 }, word).join(' ');
    records.push({ agentId: `agent-${next(50)}`, type: word(), iteration: next(10), note, passed: true });
  }
  return JSON.stringify(records).slice(0, length);
}

async function largeData({ adapter }: Scratch, asked: Configuration) {
  const text = textOf(100 * 1024, 0);
  return {
    set: await timed(few(asked), (i) => adapter.set(`large-${i}`, text)),
    get: await timed(few(asked), (i) => adapter.get(`large-${i}`)),
  };
}

async function ttlOperations({ adapter }: Scratch, asked: Configuration) {
  return {
    setex: await timed(few(asked), (i) => adapter.setex(`short-${i}`, 60, value)),
    get: await timed(few(asked), (i) => adapter.get(`short-${i}`)),
  };
}

async function namespaceOperations({ adapter }: Scratch, asked: Configuration) {
  const namespaceOf = (i: number) => ({ namespace: `space-${i % 5}` });
  return {
    set: await timed(few(asked), (i) => adapter.set(`key-${i}`, value, namespaceOf(i))),
    get: await timed(few(asked), (i) => adapter.get(`key-${i}`, namespaceOf(i))),
    keys: await timed(few(asked), (i) => adapter.keys(namespaceOf(i))),
  };
}

/** A verified copy, and how long it takes until one answers. */
async function backupAndRestore(scratch: Scratch) {
  const file = scratch.file('copy');
  const backup = await timed(1, () => scratch.manager.backup(file));
  const restore = await timed(1, async () => {
    const copy = new SwarmMemoryManager({ dbPath: file, encryptionKey: scratch.encryptionKey });
    await copy.get('shared-0', { namespace: 'benchmark' });
    await copy.close();
  });
  return { backup, restore };
}

async function optimization({ manager }: Scratch) {
  return {
    vacuum: await timed(1, () => manager.vacuum()),
    analyze: await timed(1, () => manager.analyze()),
    cache_clear: await timed(1, () => manager.clearACLCache()),
  };
}
