import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createSecretFile } from '../../src/folder.ts';
import {
  authenticate,
  ensureAdminToken,
  parseToken,
  useCoalescedMs,
} from '../../src/kernel/access/tokens.ts';
import { many, statement } from '../../src/kernel/work.ts';
import { operations } from '../../src/operations.ts';
import type { Rookery } from '../../src/rookery.ts';
import type { Harness } from '../engines/index.ts';
import { ManualClock } from '../support/clock.ts';
import { denials, errorOf } from '../support/ledger.ts';

/** What a token is good for, and when it stops being so. */
export function tokenSuite(harness: Harness): void {
  it('names its agent, project and rights, and nothing else', async () => {
    const rookery = await harness.open();
    const made = await rookery.token.create({ agent: 'coder', rights: ['read'], label: 'laptop' });
    expect(made.token).toMatch(/^rk_agent_[0-9a-z]{36}_[0-9a-z]{52}_[0-9a-f]{8}$/);
    expect(await authenticate(rookery.store, made.token)).toEqual({
      project: 'default',
      agent: 'coder',
      rights: new Set(['read']),
      token: made.id,
    });
  });

  it('keeps the hash of the secret alone', async () => {
    const rookery = await harness.open();
    const { token } = await rookery.token.create({ agent: 'coder' });
    const { secret } = parseToken(token)!;
    const rows = await rookery.store.engine.read(() =>
      many<Record<string, unknown>>(statement('SELECT * FROM tokens LIMIT 10')),
    );
    const stored = rows.map((row) =>
      Object.values(row).map((value) => Buffer.from(String(value)).toString()),
    );
    expect(JSON.stringify(stored)).not.toContain(secret);
    expect(JSON.stringify(await rookery.token.list())).not.toContain(secret);
    expect(Buffer.from(rows[0]!['secret_hash'] as Uint8Array)).toHaveLength(32);
  });

  it('answers unknown, malformed and altered tokens alike', async () => {
    const rookery = await harness.open();
    const { token } = await rookery.token.create({ agent: 'coder' });
    const { token: other } = await rookery.token.create({ agent: 'other' });
    const [kind, id, secret] = token.slice(3).split('_') as [string, string, string];
    const [, otherId] = other.slice(3).split('_') as [string, string];
    const wrong = [
      undefined,
      '',
      'nonsense',
      `${token} `,
      token.slice(0, -1),
      flipLast(token),
      token.toUpperCase(),
      checked(`rk_${kind}_${id}_${flipLast(secret)}`),
      checked(`rk_${kind}_${otherId}_${secret}`),
      checked(`rk_admin_${id}_${secret}`),
      checked(`rk_${kind}_${flipLast(id)}_${secret}`),
    ];
    for (const text of wrong) {
      const error = await errorOf(authenticate(rookery.store, text));
      expect(error.code, text).toBe('UNAUTHENTICATED');
      expect(error.message).toBe('the token is unknown, expired or revoked');
      expect(error.details).toEqual({});
    }
    expect(checked(`rk_${kind}_${id}_${secret}`)).toBe(token);
  });

  it('ends at its expiry, by the store clock', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const { token } = await rookery.token.create({ agent: 'coder', ttl: 60 });
    clock.advance(59_999);
    expect((await authenticate(rookery.store, token)).agent).toBe('coder');
    clock.advance(1);
    const error = await errorOf(authenticate(rookery.store, token));
    expect(error).toMatchObject({ code: 'UNAUTHENTICATED', details: { reason: 'expired' } });
    // A clock that is set back brings nothing back.
    await rookery.memory.set({ key: 'tick', value: 1 });
    clock.advance(-30_000);
    expect((await errorOf(authenticate(rookery.store, token))).details).toEqual({ reason: 'expired' });
    const behind = await harness.again({ clock });
    expect((await errorOf(authenticate(behind.store, token))).details).toEqual({ reason: 'expired' });
  });

  it('ends with its revocation, for the next request and in every process [S5]', async () => {
    const rookery = await harness.open();
    const second = await harness.again();
    for (let round = 0; round < 20; round++) {
      const { id, token } = await rookery.token.create({ agent: `coder-${round}` });
      await authenticate(rookery.store, token);
      await authenticate(second.store, token);
      await (round % 2 ? rookery : second).token.revoke({ id });
      for (const { store } of [rookery, second]) {
        const error = await errorOf(authenticate(store, token));
        expect(error).toMatchObject({ code: 'UNAUTHENTICATED', details: { reason: 'revoked' } });
      }
    }
  });

  it('tells why only to who has the right secret', async () => {
    const rookery = await harness.open();
    const { id, token } = await rookery.token.create({ agent: 'coder' });
    await rookery.token.revoke({ id });
    const [kind, tokenId, secret] = token.slice(3).split('_') as [string, string, string];
    const guess = checked(`rk_${kind}_${tokenId}_${flipLast(secret)}`);
    expect((await errorOf(authenticate(rookery.store, guess))).details).toEqual({});
    expect((await errorOf(authenticate(rookery.store, token))).details).toEqual({ reason: 'revoked' });
  });

  it('does not work while its agent is not active', async () => {
    const rookery = await harness.open();
    const { token } = await rookery.token.create({ agent: 'coder' });
    for (const status of ['suspended', 'inactive', 'terminated'] as const) {
      await rookery.fleet.update({ id: 'coder', status });
      const error = await errorOf(authenticate(rookery.store, token));
      expect(error).toMatchObject({ code: 'UNAUTHENTICATED', details: { reason: 'inactive' } });
    }
    await rookery.fleet.update({ id: 'coder', status: 'active' });
    expect((await authenticate(rookery.store, token)).agent).toBe('coder');
  });

  it('acts for another agent with the right act-as only, and the ledger names both [S4]', async () => {
    const rookery = await harness.open();
    const plain = await rookery.token.create({ agent: 'coder' });
    const acting = await rookery.token.create({ agent: 'door', rights: ['read', 'write', 'act-as'] });
    const refused = await errorOf(authenticate(rookery.store, plain.token, { actFor: 'boss' }));
    expect(refused).toMatchObject({ code: 'FORBIDDEN', details: { agent: 'boss', needs: 'act-as' } });
    expect(await denials(rookery, 'coder')).toMatchObject([
      { op: 'token.authenticate', token: plain.id, scope: 'private:boss' },
    ]);
    const principal = await authenticate(rookery.store, acting.token, { actFor: 'boss' });
    expect(principal).toMatchObject({ agent: 'boss', via: 'door', token: acting.id });
    expect(principal.rights).toEqual(new Set(['read', 'write']));
    expect(await authenticate(rookery.store, plain.token, { actFor: 'coder' })).not.toHaveProperty('via');
    for (const actFor of ['', 'a\nb', 'x'.repeat(257)]) {
      const error = await errorOf(authenticate(rookery.store, acting.token, { actFor }));
      expect(error).toMatchObject({ code: 'INVALID_INPUT', details: { field: 'agent' } });
    }
  });

  it('belongs to one project', async () => {
    const rookery = await harness.open();
    const { id, token } = await rookery.token.create({ agent: 'coder' });
    expect((await authenticate(rookery.store, token, { project: 'default' })).project).toBe('default');
    const error = await errorOf(authenticate(rookery.store, token, { project: 'elsewhere' }));
    expect(error.code).toBe('FORBIDDEN');
    expect(await denials(rookery, 'coder')).toMatchObject([{ op: 'token.authenticate', token: id }]);
    expect(await denials(rookery, '', 'elsewhere')).toEqual([]);
  });

  it('writes its last use at most once a minute', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const { id, token } = await rookery.token.create({ agent: 'coder' });
    const lastUse = async () => {
      // The use shares a commit with what comes after it, so a write that returned has it on disk.
      await rookery.memory.set({ key: 'tick', value: clock.now() });
      return (await rookery.token.list()).tokens.find((row) => row.id === id)!.lastUsedAt;
    };
    expect(await lastUse()).toBeNull();
    const first = clock.now();
    await Promise.all(Array.from({ length: 20 }, () => authenticate(rookery.store, token)));
    expect(await lastUse()).toBe(first);
    clock.advance(useCoalescedMs - 1);
    await authenticate(rookery.store, token);
    expect(await lastUse()).toBe(first);
    clock.advance(1);
    await authenticate(rookery.store, token);
    expect(await lastUse()).toBe(first + useCoalescedMs);
  });

  it('gives no right that its maker lacks', async () => {
    const rookery = await harness.open();
    const admin = rookery.as('keeper', { rights: ['read', 'admin'] });
    expect((await admin.token.create({ agent: 'coder', rights: ['read'] })).rights).toEqual(['read']);
    expect((await errorOf(admin.token.create({ agent: 'coder', rights: ['write'] }))).code).toBe('FORBIDDEN');
    const plain = rookery.as('plain');
    for (const call of [
      () => plain.token.create({ agent: 'plain' }),
      () => plain.token.list(),
      () => plain.token.revoke({ id: 'tok_x' }),
    ]) {
      expect((await errorOf(call())).code).toBe('FORBIDDEN');
    }
    expect((await denials(rookery, 'plain')).map(({ op }) => op)).toEqual([
      'token.create',
      'token.list',
      'token.revoke',
    ]);
    expect(await rookery.token.revoke({ id: 'tok_unknown' })).toBeNull();
  });

  it('opens the system audience to an administrator, and closes it with the last admin token', async () => {
    const rookery = await harness.open();
    await rookery.memory.set({ key: 'policy', value: 'secret', level: 'system' });
    const ops = rookery.as('ops');
    expect(await ops.memory.get({ key: 'policy' })).toBeNull();
    const tokens = [
      await rookery.token.create({ agent: 'ops', rights: ['read', 'write', 'admin'] }),
      await rookery.token.create({ agent: 'ops', rights: ['admin'] }),
    ];
    expect((await ops.memory.get({ key: 'policy' }))?.value).toBe('secret');
    await rookery.token.revoke({ id: tokens[0]!.id });
    expect((await ops.memory.get({ key: 'policy' }))?.value).toBe('secret');
    await rookery.token.revoke({ id: tokens[1]!.id });
    expect(await ops.memory.get({ key: 'policy' })).toBeNull();
  });

  it('carries no admin right into private data, its own agent or another acting', async () => {
    const rookery = await harness.open();
    await rookery.as('owner').memory.set({ key: 'diary', value: 'mine', level: 'private' });
    await rookery.as('boss').memory.set({ key: 'notes', value: 'of boss', level: 'private' });
    const admin = await ensureAdminToken(rookery.store);
    const asBoss = await authenticate(rookery.store, admin, { actFor: 'boss' });
    const { memory } = operations;
    const read = async (principal: typeof asBoss, audience: string, key: string) =>
      (await rookery.store.invoke(memory.get, principal, { key, level: 'private', audience })).output?.value;
    expect(await read(asBoss, 'boss', 'notes')).toBe('of boss');
    expect(await read(asBoss, 'owner', 'diary')).toBeUndefined();
    expect(await read(await authenticate(rookery.store, admin), 'owner', 'diary')).toBeUndefined();
    // Whoever is acted for does not become an administrator by it.
    const systemWrite = rookery.store.invoke(memory.set, asBoss, { key: 'k', value: 1, level: 'system' });
    expect((await errorOf(systemWrite)).code).toBe('FORBIDDEN');
    expect((await denials(rookery, 'boss')).at(-1)).toMatchObject({ via: 'admin', op: 'memory.set' });
  });

  firstRun(harness);
}

/** The token that the first start of a server leaves in a file. */
function firstRun(harness: Harness): void {
  /** What the command does at every start. */
  async function start(rookery: Rookery, file: string): Promise<string> {
    if (!existsSync(file)) createSecretFile(file, `${await ensureAdminToken(rookery.store)}\n`);
    return readFileSync(file, 'utf8').trim();
  }

  async function inFolder(work: (file: string) => Promise<void>): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), 'rookery-token-'));
    try {
      await work(join(folder, 'admin.token'));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  it('is one that works, for servers that start at once', () =>
    inFolder(async (file) => {
      const servers = [await harness.open(), await harness.again(), await harness.again()];
      const texts = await Promise.all(servers.map((server) => start(server, file)));
      expect(new Set(texts).size).toBe(1);
      for (const { store } of servers) {
        expect((await authenticate(store, texts[0])).rights).toContain('act-as');
      }
    }));

  it('is made anew when its file is lost; the old one still works', () =>
    inFolder(async (file) => {
      const rookery = await harness.open();
      const first = await start(rookery, file);
      expect(await start(rookery, file)).toBe(first);
      rmSync(file);
      const second = await start(rookery, file);
      expect(second).not.toBe(first);
      for (const text of [first, second])
        expect((await authenticate(rookery.store, text)).agent).toBe('admin');
    }));

  it('is kept while it is a live admin token of the project, and replaced otherwise', async () => {
    const rookery = await harness.open();
    const text = await ensureAdminToken(rookery.store);
    expect(await ensureAdminToken(rookery.store, `${text}\n`)).toBe(text);
    const { token: plain } = await rookery.token.create({ agent: 'coder' });
    const { id } = await authenticate(rookery.store, text).then((principal) => ({ id: principal.token! }));
    for (const useless of [plain, 'nonsense', ''])
      expect(await ensureAdminToken(rookery.store, useless)).not.toBe(useless);
    await rookery.token.revoke({ id });
    expect(await ensureAdminToken(rookery.store, text)).not.toBe(text);
    const other = await ensureAdminToken(rookery.store, text, 'other');
    expect((await authenticate(rookery.store, other)).project).toBe('other');
    // Suspending the administrator is not undone by a restart.
    const current = await ensureAdminToken(rookery.store);
    await rookery.fleet.update({ id: 'admin', status: 'suspended' });
    expect(await ensureAdminToken(rookery.store, current)).toBe(current);
    expect((await errorOf(authenticate(rookery.store, current))).details).toEqual({ reason: 'inactive' });
  });
}

function flipLast(text: string): string {
  return text.slice(0, -1) + (text.endsWith('0') ? '1' : '0');
}

/** The checksum written a second time, bit by bit: IEEE 802.3, reflected. */
function checked(text: string): string {
  let crc = ~0;
  for (const byte of Buffer.from(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return `${text}_${(~crc >>> 0).toString(16).padStart(8, '0')}`;
}
