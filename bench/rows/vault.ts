import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import { PooledRandom } from '../../src/kernel/clock.ts';
import type { DataKey } from '../../src/kernel/vault/data-key.ts';
import { packClear, packSealed, unpack } from '../../src/kernel/vault/envelope.ts';
import { nestedKey, nonceLength, secretKey } from '../../src/kernel/vault/primitives.ts';
import { type Bench, compared, count, inTurn } from '../measure.ts';

const random = new PooledRandom();
const secret = random.bytes(32);
const key: DataKey = {
  id: random.bytes(8),
  encryption: secretKey(secret),
  salt: nestedKey(secret, 'bench'),
  left: 0,
};
const binding = {
  project: 'default',
  table: 'memory',
  record: 'bench\ntask/1',
  scope: 'private:coder-1',
  revision: 1,
};

/** What an agent writes: prose and paths, no two lines alike. */
function textOf(bytes: number): string {
  let text = '';
  for (let line = 1; text.length < bytes; line++) {
    text += `${line}. coder-${line % 7} read src/part-${line * 37}.ts and left ${line % 5} remarks for the reviewer.\n`;
  }
  return text.slice(0, bytes);
}

export const vaultBenches: readonly Bench[] = [
  {
    name: 'encrypt and decrypt 1 KB',
    async run(scale) {
      const content = JSON.stringify(textOf(1000));
      const rounds = count(20_000, scale);
      const result = await inTurn(
        scale.rounds,
        timed(rounds, () => {
          unpack(packSealed(key, random.bytes(nonceLength), binding, content), binding, key);
        }),
        timed(rounds, () => rawExchange(content)),
      );
      return compared(this.name, result, { floor: 'AES-256-GCM of node:crypto there and back' });
    },
  },
  {
    name: 'compress 10 KB',
    async run(scale) {
      const content = JSON.stringify(textOf(10_000));
      const packed = packClear(content)!;
      const rounds = count(5000, scale);
      const result = await inTurn(
        scale.rounds,
        timed(rounds, () => packClear(content)),
        timed(rounds, () => zstdCompressSync(Buffer.from(content))),
      );
      const ratio = (Buffer.byteLength(content) / packed.length).toFixed(1);
      return compared(this.name, result, {
        floor: 'zstd of node:zlib',
        note: `text of an agent becomes ${ratio} times smaller`,
      });
    },
  },
];

function timed(rounds: number, act: () => unknown): () => Promise<number> {
  return async () => {
    const started = performance.now();
    for (let i = 0; i < rounds; i++) act();
    return ((performance.now() - started) * 1000) / rounds;
  };
}

function rawExchange(content: string): void {
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv('aes-256-gcm', key.encryption, nonce);
  const sealed = Buffer.concat([cipher.update(content), cipher.final()]);
  const decipher = createDecipheriv('aes-256-gcm', key.encryption, nonce);
  decipher.setAuthTag(cipher.getAuthTag());
  Buffer.concat([decipher.update(sealed), decipher.final()]).toString();
}
