import type { Attention } from './access/attention.ts';
import { grantOf, grantsCovering } from './access/grant-statements.ts';
import { agentSubject, type Identities, identityNow, unusable } from './access/identity.ts';
import {
  type Act,
  type Guarded,
  type Identity,
  levelOf,
  type Principal,
  preferring,
  type Reason,
  reasonToAllow,
} from './access/model.ts';
import { resumedAt } from './access/presence.ts';
import type { Accesses } from './accesses.ts';
import type { Random } from './clock.ts';
import type { Meeting } from './collision.ts';
import { Denial, type Subject } from './denial.ts';
import type { Fence } from './fence.ts';
import { newId, randomText } from './ids.ts';
import type { Change, Labels, Risk } from './ledger/entry.ts';
import type { Log } from './ledger/log.ts';
import type { StateCheck } from './ledger/state.ts';
import type { LiveStatus } from './live/status.ts';
import type { Shown, Transaction } from './transaction.ts';
import { type Compression, compressing } from './vault/codecs.ts';
import { type Binding, isCompressed, keyIdOf, packClear, packSealed, unpack } from './vault/envelope.ts';
import { commitment, type Keyring } from './vault/keyring.ts';
import { nonceLength } from './vault/primitives.ts';
import type { Erasure, SealedTable } from './vault/sealed.ts';
import type { Work } from './work.ts';

export { Denial, type Subject };

/** Content as it lies in the two columns of a row: clear text, or an envelope. */
export interface Stored {
  readonly value: string | null;
  readonly sealed: Uint8Array | null;
}

export interface Witnessed {
  readonly subject: Subject;
  readonly labels: Labels;
}

export interface Services {
  /** Throws FENCED unless the lease is in force under its token; leases are a domain of their own. */
  readonly assertFence: (context: ReadContext, fence: Fence) => Work<void>;
  /**
   * Notes that the caller was refused because another agent was there first; conflicts are a domain of their own. Runs in
   * the commit of the refusal, and must not throw.
   */
  readonly noteCollision: (context: WriteContext, meeting: Meeting) => Work<void>;
  readonly keyring: Keyring;
  readonly identities: Identities;
  readonly attention: Attention;
  readonly random: Random;
  readonly accesses: Accesses;
  /** How new content is compressed. */
  readonly compression: Compression;
  /** What rotating keys and erasing takes. */
  readonly vault: {
    readonly tables: readonly SealedTable[];
    readonly erasures: readonly Erasure[];
    /** Goes on with the work on keys behind the calls. */
    readonly wake: (project: string) => void;
    /** Why that work does not go on here. */
    readonly trouble: (project: string) => string | undefined;
    /** Whether the engine's log can be emptied of what was erased. */
    readonly scrubs: boolean;
  };
  /** How much content this process has stored so far in either way, those that were rolled back included. */
  readonly stored: { encrypted: number; compressed: number };
  /** How the relay of this process stands; undefined where it does not relay. */
  readonly live: (project: string) => LiveStatus | undefined;
  /** What proving and verifying the ledger takes. */
  readonly ledger: {
    readonly keyring: Keyring;
    readonly log: Log;
    readonly checks: readonly StateCheck[];
  };
}

interface Call {
  readonly principal: Principal;
  readonly operation: string;
  readonly risk: Risk;
  readonly request?: string | undefined;
}

/** What a query may use. */
export class ReadContext {
  readonly principal: Principal;
  readonly operation: string;
  /** The store clock, in milliseconds. */
  readonly now: number;
  /** Reads that the ledger must know of, collected for after the work. */
  readonly reads: Subject[] = [];
  /** Refusals that look like a miss to the caller: the ledger knows better. */
  readonly denials: Subject[] = [];
  /** Reads of which each has an entry of its own. */
  readonly witnessed: Witnessed[] = [];
  protected readonly services: Services;
  /** Set when the caller is an agent that does not exist yet: the executor creates it and asks again. */
  callerUnknown = false;
  /** When the passing of time alone could change the answer, for a mutation that waits and cannot say so in its answer. */
  dueInMs: number | undefined;

  constructor(call: Call, now: number, services: Services) {
    this.principal = call.principal;
    this.operation = call.operation;
    this.now = now;
    this.services = services;
  }

  get agent(): string {
    return this.principal.agent;
  }

  get project(): string {
    return this.principal.project;
  }

  get live(): LiveStatus | undefined {
    return this.services.live(this.project);
  }

  get ledger(): Services['ledger'] {
    return this.services.ledger;
  }

  get vault(): Services['vault'] {
    return this.services.vault;
  }

  /** Who asks. Without scopes, and so without access, when it is unknown, not active or outside its view's swarm. */
  *identity(): Work<Identity> {
    const identity = yield* identityNow(this.project, this.agent, this.now);
    if (!identity) this.callerUnknown = true;
    else if (unusable(identity, this.principal) === undefined)
      return preferring(identity, this.principal.swarm);
    else this.noteDenial(agentSubject(this.agent));
    return { agent: this.agent, scopes: [] };
  }

  /** The policy over one record, grants included. */
  *may(identity: Identity, act: Act, resource: string, record: Guarded): Work<boolean> {
    return (yield* this.reason(identity, act, resource, record)) !== undefined;
  }

  /** Why the policy allows it; undefined when it does not. */
  *reason(identity: Identity, act: Act, resource: string, record: Guarded): Work<Reason | undefined> {
    const asked = { act, resource, record, now: this.now };
    const own = reasonToAllow(identity, asked, []);
    if (own !== undefined || identity.scopes.length === 0) return own;
    const rows = yield* grantsCovering(
      this.project,
      { agent: this.agent, act, resource, ...record },
      this.now,
    );
    return reasonToAllow(identity, asked, rows.map(grantOf));
  }

  /** Notes a read of private, team or system data; what all may read is not noted. */
  noteRead(subject: Subject): void {
    const level = levelOf(subject.scope);
    if (level !== 'project' && level !== 'swarm') this.reads.push(subject);
  }

  /** Counts one read of a record, to be written down some time later. */
  countAccess(record: string): void {
    this.services.accesses.count(this.project, record);
  }

  /** Reads of a record that were counted and are not written down yet. */
  pendingAccesses(record: string): number {
    return this.services.accesses.pending(this.project, record);
  }

  /** Notes a read that is never counted with others: one that only a role allows. On disk before it is answered. */
  witness(subject: Subject, labels: Labels): void {
    this.witnessed.push({ subject, labels });
  }

  /** Notes that something was asked for without the right, where the answer must not tell. */
  noteDenial(subject: Subject): void {
    this.denials.push(subject);
  }

  /** The content of a row, opened. */
  *open(stored: Stored, binding: Omit<Binding, 'project'>): Work<string> {
    if (stored.sealed === null) return stored.value ?? 'null';
    const keyId = keyIdOf(stored.sealed);
    const key = keyId && (yield* this.services.keyring.byId(this.project, keyId));
    return unpack(stored.sealed, { ...binding, project: this.project }, key);
  }

  /** Since when the store can hear again, where it could not for a time: see `presenceOf`. */
  *resumedAt(): Work<number> {
    return Math.max(yield* resumedAt(), this.services.attention.look());
  }

  *pseudonym(kind: string, name: string): Work<string | undefined> {
    return yield* this.services.keyring.pseudonymIfAny(this.project, kind, name);
  }
}

/** What a mutation may use: all of a query's, and the transaction. */
export class WriteContext extends ReadContext {
  readonly tx: Transaction;
  readonly #call: Call;

  constructor(call: Call, tx: Transaction, services: Services) {
    super(call, tx.now, services);
    this.tx = tx;
    this.#call = call;
  }

  /** A caller that is new comes into being here; one that is not active is refused with FORBIDDEN. */
  override *identity(): Work<Identity> {
    return yield* this.services.identities.inTransaction(this.tx, this.principal);
  }

  /**
   * The same for tidying up, where an administrator need not be an agent: a server that looks after its store must not
   * become a member of a swarm by it, which votes would then wait for.
   */
  *caretaker(): Work<void> {
    if (!this.principal.rights.has('admin')) yield* this.identity();
  }

  get keyring(): Keyring {
    return this.services.keyring;
  }

  newId(prefix: string): string {
    return newId(prefix, this.now, this.services.random);
  }

  /** `length` characters that nobody can guess, five bits each. */
  randomText(length: number): string {
    return randomText(length, this.services.random);
  }

  /**
   * Appends the entry of one change and answers its sequence number. With `content`, the entry carries a salted
   * commitment to it.
   */
  *record(
    subject: Subject,
    more: {
      revision?: readonly [number, number];
      content?: string;
      facts?: Change['facts'];
      operation?: string;
      labels?: Change['labels'];
      /** In place of the operation's own. */
      risk?: Risk;
      /** What the entry changes in Redis, where that is known here already: spares the relay a look at the store. */
      live?: Shown;
    } = {},
  ): Work<number> {
    const resource = yield* this.keyring.pseudonym(this.tx, subject.kind, subject.name);
    let promise: string | undefined;
    if (more.content !== undefined) {
      const key = yield* this.keyring.primary(this.tx, subject.scope);
      promise = commitment(key, resource, more.revision?.[1] ?? 0, more.content);
    }
    const change: Change = {
      ...entryOf(this.#call, resource, subject.scope, more.operation),
      decision: 'allow',
      revision: more.revision,
      commitment: promise,
      facts: more.facts,
      labels: more.labels,
      ...(more.risk && { risk: more.risk }),
    };
    return this.tx.record(change, subject, more.live);
  }

  /** Appends the entry of a denial: of medium risk at least, however harmless what was asked for would have been. */
  *recordDenial(subject: Subject, facts?: Change['facts']): Work<void> {
    const resource = yield* this.keyring.pseudonym(this.tx, subject.kind, subject.name);
    const entry = entryOf(this.#call, resource, subject.scope);
    const risk = entry.risk === 'low' ? 'medium' : entry.risk;
    this.tx.record({ ...entry, risk, decision: 'deny', facts });
  }

  /** Appends the entry of reads that were noted: how often, since and until when. */
  *recordRead(subject: Subject, facts: Change['facts'], labels?: Labels): Work<void> {
    const resource = yield* this.keyring.pseudonym(this.tx, subject.kind, subject.name);
    this.tx.record({ ...entryOf(this.#call, resource, subject.scope), decision: 'allow', facts, labels });
  }

  /** Content as it is to be stored: sealed, compressed or as it is. `compress` overrides the store's threshold. */
  *seal(
    content: string,
    encrypt: boolean,
    binding: Omit<Binding, 'project'>,
    compress?: boolean,
  ): Work<Stored> {
    const { stored: counts } = this.services;
    const compression = compressing(this.services.compression, compress);
    if (!encrypt) {
      const packed = packClear(content, compression);
      if (!packed) return { value: content, sealed: null };
      counts.compressed++;
      return { value: null, sealed: packed };
    }
    const key = yield* this.keyring.forEncryption(this.tx, binding.scope);
    const nonce = this.services.random.bytes(nonceLength);
    const bound = { ...binding, project: this.project };
    const sealed = packSealed(key, nonce, bound, content, compression);
    counts.encrypted++;
    if (isCompressed(sealed)) counts.compressed++;
    return { value: null, sealed };
  }
}

function entryOf(call: Call, resource: string, scope: string, operation = call.operation) {
  const { principal, risk, request } = call;
  return {
    operation,
    resource,
    scope,
    level: levelOf(scope),
    actor: principal.agent,
    via: principal.via,
    token: principal.token,
    request,
    risk,
  };
}
