import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import type { WriteContext } from '../context.ts';
import { Denial } from '../denial.ts';
import { invalid, RookeryError } from '../errors.ts';
import { mutation } from '../operation.ts';
import * as schema from '../schema.ts';
import type { Store } from '../store.ts';
import { equalBytes } from '../vault/primitives.ts';
import type { Work } from '../work.ts';
import { agentSubject, createAgent, defaultSwarm } from './identity.ts';
import { joinSystem } from './membership.ts';
import { rights as everyRight, type Principal, type Right, scopes } from './model.ts';
import { seenCoalescedMs } from './presence.ts';
import { agentById, membershipsAt, seeAgent } from './statements.ts';
import { addToken, type PresentedTokenRow, presentedToken, useToken } from './token-statements.ts';

/**
 * Tokens. Their text is `rk_<kind>_<id>_<secret>_<crc32>`: `rk_` and the checksum let a secret scanner find one that
 * leaked and be sure of it; kind is `admin` or `agent`; the id is public and is `tok_<id>` everywhere else; the secret
 * has 260 random bits, of which the store keeps the SHA-256 alone. A token belongs to one project and one agent.
 *
 * States: live → (expired | revoked), both final. Nothing about a token is cached: every request reads its row, so a
 * revocation counts from the next request on, in every process.
 */
const idPrefix = 'tok';
const secretLength = 52;
const symbols = '[0-9a-hjkmnp-tv-z]';
const shape = new RegExp(`^rk_(agent|admin)_(${symbols}{36})_(${symbols}{${secretLength}})_([0-9a-f]{8})$`);

/** How long uses of a token are counted as one. */
export const useCoalescedMs = 60_000;

export interface NewToken {
  readonly agent: string;
  readonly rights: readonly Right[];
  readonly label: string;
  readonly expiresAt: number | null;
}

/** Stores a new token of the context's project and answers its id and its text, which nobody can ask for again. */
export function* createToken(context: WriteContext, token: NewToken): Work<{ id: string; text: string }> {
  const id = context.newId(idPrefix);
  const secret = context.randomText(secretLength);
  const { agent, rights, label, expiresAt } = token;
  yield* addToken({
    id,
    project_id: context.project,
    agent_id: agent,
    secret_hash: hashOf(secret),
    rights: JSON.stringify(rights),
    label,
    created_at: context.now,
    expires_at: expiresAt,
  });
  const admin = rights.includes('admin');
  yield* introduce(context, agent, admin);
  yield* context.record(
    { kind: 'token', name: id, scope: scopes.project },
    { operation: 'token.create', facts: { admin: admin ? 1 : 0 } },
  );
  return { id, text: textOf(kindOf(rights), id, secret) };
}

/**
 * Brings the agent into being, so that its swarm is given here and not chosen by whoever calls with the token first.
 * The holder of an admin right belongs to the system audience.
 */
function* introduce(context: WriteContext, agent: string, system: boolean): Work<void> {
  const row = yield* agentById(context.project, agent);
  if (row) return system && row.status === 'active' ? yield* joinSystem(context, agent) : undefined;
  const swarm = defaultSwarm;
  yield* createAgent(context.tx, context.keyring, context.principal, { id: agent, swarm, system });
}

export interface Presented {
  /** The agent to act for, where it is not the token's own. */
  readonly actFor?: string | undefined;
  /** The project that the request is about; the token's own when absent. */
  readonly project?: string | undefined;
}

/**
 * Who presents this token. Throws UNAUTHENTICATED, with one message whatever is wrong; only who has the right secret is
 * told in `details.reason` that the token is `expired` or `revoked` or its agent `inactive`. Acting for another agent
 * needs the right act-as, naming another project is never allowed; both refusals are FORBIDDEN and in the ledger.
 *
 * Acting for another takes that agent's place among the audiences and nothing more: rights stay those of the token
 * without act-as (it does not chain), and no right opens a record, so an admin token reads no private data that the
 * agent it acts for could not read.
 */
export async function authenticate(
  store: Store,
  text: string | undefined,
  { actFor, project }: Presented = {},
): Promise<Principal> {
  if (actFor !== undefined && !schema.agentId.safeParse(actFor).success)
    throw invalid('agent', 'an agent id: 1 to 256 printable characters');
  const { row, now } = await verify(store, text, actFor ?? '');
  const own: Principal = {
    project: row.project_id,
    agent: row.agent_id,
    rights: new Set(JSON.parse(row.rights) as Right[]),
    token: row.id,
  };
  if (project !== undefined && project !== own.project)
    await refuse(store, own, { kind: 'project', name: project });
  const principal = await actAs(store, own, actFor ?? own.agent);
  noteUse(store, row, principal.agent, now);
  return principal;
}

/**
 * The same caller in the place of another agent. Without the right act-as FORBIDDEN, and in the ledger; likewise for an
 * agent of the system audience without the right admin, which would else come with the place.
 */
export async function actAs(store: Store, own: Principal, agent: string): Promise<Principal> {
  if (agent === own.agent) return own;
  const may = own.rights.has('act-as') && (own.rights.has('admin') || !(await isOfSystem(store, own, agent)));
  if (!may) await refuse(store, own, { kind: 'agent', name: agent });
  const rights = new Set([...own.rights].filter((right) => right !== 'act-as'));
  return { ...own, agent, rights, via: own.agent };
}

async function isOfSystem(store: Store, { project }: Principal, agent: string): Promise<boolean> {
  const now = store.now(project);
  const memberships = await store.engine.read(() => membershipsAt(project, agent, now));
  return memberships.some(({ scope }) => scope === scopes.system);
}

/** The row of a token that is live now, after its secret was compared. */
async function verify(
  store: Store,
  text: string | undefined,
  actFor: string,
): Promise<{ row: PresentedTokenRow; now: number }> {
  const parsed = parseToken(text ?? '');
  const row = parsed && (await store.engine.read(() => presentedToken(parsed.id, actFor)));
  const presented = hashOf(parsed?.secret ?? '');
  const matches = equalBytes(presented, row?.secret_hash ?? noHash);
  if (!row || !matches || parsed?.kind !== kindOf(JSON.parse(row.rights) as Right[])) throw unauthenticated();
  const now = Math.max(store.now(row.project_id), row.clock_ms ?? 0);
  const reason = reasonAgainst(row, now);
  if (reason !== undefined) throw unauthenticated(reason);
  return { row, now };
}

function reasonAgainst(row: PresentedTokenRow, now: number): string | undefined {
  if (row.revoked_at !== null) return 'revoked';
  if (row.expires_at !== null && row.expires_at <= now) return 'expired';
  if (row.agent_status !== null && row.agent_status !== 'active') return 'inactive';
  return undefined;
}

function unauthenticated(reason?: string): RookeryError {
  const message = 'the token is unknown, expired or revoked';
  return new RookeryError('UNAUTHENTICATED', message, reason === undefined ? {} : { reason });
}

export function parseToken(text: string): { kind: string; id: string; secret: string } | undefined {
  const [, kind, id, secret, checksum] = shape.exec(text) ?? [];
  if (kind === undefined || secret === undefined || checksum === undefined) return undefined;
  const checked = text.slice(0, -checksum.length - 1);
  return checksumOf(checked) === checksum ? { kind, id: `${idPrefix}_${id}`, secret } : undefined;
}

function textOf(kind: string, id: string, secret: string): string {
  const checked = `rk_${kind}_${id.slice(idPrefix.length + 1)}_${secret}`;
  return `${checked}_${checksumOf(checked)}`;
}

function checksumOf(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}

function kindOf(rights: readonly Right[]): string {
  return rights.includes('admin') ? 'admin' : 'agent';
}

function hashOf(secret: string): Uint8Array {
  return hash('sha256', secret, 'buffer');
}
/** Compared with when there is no such token, so that the time taken does not tell. */
const noHash = new Uint8Array(32);

/** Never runs as anybody's operation: it puts a refusal at the door into the ledger and throws it. */
const refusal = mutation({
  name: 'token.authenticate',
  summary: 'Refuse what a token may not be used for',
  input: z.strictObject({ kind: z.enum(['agent', 'project']), name: z.string() }),
  output: z.never(),
  access: 'read',
  route: null,
  run(_context, { kind, name }): Work<never> {
    if (kind === 'project') {
      const subject = { kind, name, scope: scopes.project };
      throw new Denial('FORBIDDEN', 'the token belongs to another project', subject, { project: name });
    }
    throw new Denial(
      'FORBIDDEN',
      'acting for another agent needs the right "act-as", for an administrator also "admin"',
      { ...agentSubject(name), scope: scopes.private(name) },
      { agent: name, needs: 'act-as' },
    );
  },
});

async function refuse(
  store: Store,
  own: Principal,
  what: { kind: 'agent' | 'project'; name: string },
): Promise<never> {
  const { output } = await store.invoke(refusal, { ...own, rights: new Set(['read']) }, what);
  return output;
}

const noting = new WeakMap<Store, Set<string>>();

/**
 * Writes when a token was last used and its agent last heard of, each at most once an interval and one write at a time.
 * It shares the next commit and nobody waits for it; if it is lost, a time stamp is.
 */
function noteUse(store: Store, row: PresentedTokenRow, agent: string, now: number): void {
  const usedIsOld = row.last_used_at === null || row.last_used_at <= now - useCoalescedMs;
  const seenIsOld = row.actor_last_seen !== null && row.actor_last_seen <= now - seenCoalescedMs;
  if (!usedIsOld && !seenIsOld) return;
  const inFlight = noting.get(store) ?? new Set();
  noting.set(store, inFlight);
  const key = `${row.id}\n${agent}`;
  if (inFlight.has(key)) return;
  inFlight.add(key);
  const job = {
    project: row.project_id,
    *run(): Work<void> {
      if (usedIsOld) yield* useToken(row.id, now, now - useCoalescedMs);
      if (seenIsOld) yield* seeAgent(row.project_id, agent, now);
    },
  };
  const done = () => inFlight.delete(key);
  store.commits.submit(job).then(done, done);
}

/** Who the administrator of a server is. */
export const administrator = 'admin';

const firstToken = mutation({
  name: 'token.create',
  summary: 'Make the token of the administrator',
  input: z.strictObject({}),
  output: z.string(),
  access: 'admin',
  risk: 'critical',
  route: null,
  *run(context) {
    const label = 'made at the start of a server';
    const token = { agent: administrator, rights: everyRight, label, expiresAt: null };
    return (yield* createToken(context, token)).text;
  },
});

/**
 * The text of an admin token for the file that a server keeps it in. `present` is what the file holds: as long as that
 * is a live admin token of the project it is answered unchanged, else a new token is made.
 *
 * So a lost file heals: the next start makes another token. The old one stays valid, because a deleted file says nothing
 * about the programs that hold a copy; it is in `token.list` and can be revoked there. Two servers that start at once
 * each make one, and the file, created once, decides which of them anybody learns of.
 */
export async function ensureAdminToken(store: Store, present?: string, project = 'default'): Promise<string> {
  if (present !== undefined && (await isLiveAdmin(store, present.trim(), project))) return present.trim();
  const principal = { project, agent: administrator, rights: new Set<Right>(['admin']) };
  return (await store.invoke(firstToken, principal, {})).output;
}

async function isLiveAdmin(store: Store, text: string, project: string): Promise<boolean> {
  try {
    const { row } = await verify(store, text, '');
    return row.project_id === project && (JSON.parse(row.rights) as Right[]).includes('admin');
  } catch (error) {
    if (!(error instanceof RookeryError) || error.code !== 'UNAUTHENTICATED') throw error;
    // An administrator that was suspended stays so: another token would not let it in either.
    return error.details['reason'] === 'inactive';
  }
}
