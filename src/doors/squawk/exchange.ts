import type { z } from 'zod';
import type { Principal, Right } from '../../kernel/access/model.ts';
import { actAs } from '../../kernel/access/tokens.ts';
import type { Operation } from '../../kernel/operation.ts';
import type { Store } from '../../kernel/store.ts';
import type { DoorCall } from '../http/app.ts';
import { readJson } from '../http/request.ts';
import type { Answer, Refused } from './answers.ts';
import type { CheckpointCopies } from './copies.ts';

/** Seed 002 refuses bodies above one mebibyte. */
const bodyBytes = 1024 * 1024;

export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Over the raw path; its groups are the path parameters, still encoded. */
  readonly path: RegExp;
  /** What the client is told when the server fails. */
  readonly failure: string;
  run(exchange: Exchange): Promise<Answer>;
}

/** One request on its way through an endpoint: what it says, who asks, and the operations it runs. */
export class Exchange {
  readonly query: URLSearchParams;
  readonly #store: Store;
  readonly #call: DoorCall;
  readonly #segments: readonly string[];
  /** Where copies of checkpoints are kept; undefined where they are not. */
  readonly copies: CheckpointCopies | undefined;
  #principal: Principal;

  /** Answers who asks before anything of the request is read; throws when nobody may. */
  static async begin(
    store: Store,
    call: DoorCall,
    endpoint: Endpoint,
    copies?: CheckpointCopies,
  ): Promise<Exchange> {
    const segments = endpoint.path.exec(call.path)?.slice(1) ?? [];
    return new Exchange(store, call, { segments, principal: await call.identify(), copies });
  }

  private constructor(
    store: Store,
    call: DoorCall,
    more: {
      readonly segments: readonly string[];
      readonly principal: Principal;
      readonly copies: CheckpointCopies | undefined;
    },
  ) {
    this.query = call.query;
    this.#store = store;
    this.#call = call;
    this.#segments = more.segments;
    this.#principal = more.principal;
    this.copies = more.copies;
  }

  get agent(): string {
    return this.#principal.agent;
  }

  get rights(): Principal['rights'] {
    return this.#principal.rights;
  }

  /** On an open server, without a token. */
  get open(): boolean {
    return this.#principal.token === undefined;
  }

  /** On an open server, from a client that did not say who it is: it is whom its request names. */
  get nameless(): boolean {
    return this.open && !this.#call.request.headers.has('x-rookery-agent');
  }

  /** Whether the caller may take the place of others. */
  get mayActAs(): boolean {
    return this.nameless || (!this.open && this.rights.has('act-as'));
  }

  /** Takes the name that the request gives, where the client has none; whom others may speak for is not said here. */
  async speakFor(specialist: string): Promise<void> {
    if (this.nameless) this.#principal = await actAs(this.#store, this.#principal, specialist);
  }

  /** From here on the request acts for the specialist it names; FORBIDDEN, and in the ledger, for who may not. */
  async actAs(specialist: string): Promise<void> {
    await this.speakFor(specialist);
    const own = this.mayActAs ? this.#principal : { ...this.#principal, rights: new Set<Right>(['read']) };
    if (specialist !== own.agent) this.#principal = await actAs(this.#store, own, specialist);
  }

  readonly invoke = async <Op extends Operation>(
    operation: Op,
    input: unknown,
  ): Promise<z.output<Op['output']>> => {
    const { requestId, request } = this.#call;
    const key = request.headers.get('idempotency-key') ?? undefined;
    const idempotencyKey = operation.kind === 'mutation' ? key : undefined;
    const signal = operation.wait ? request.signal : undefined;
    const answer = await this.#store.invoke(operation, this.#principal, input, {
      idempotencyKey,
      requestId,
      signal,
    });
    return answer.output as z.output<Op['output']>;
  };

  /** The fields of the JSON body; none when it is JSON of another kind. */
  async body(): Promise<Readonly<Record<string, unknown>>> {
    const value = await readJson(this.#call.request, bodyBytes);
    return isRecord(value) ? value : {};
  }

  /** A path parameter, decoded once. `invalid`: what to say when it cannot be one. */
  parameter(invalid: Refused, index = 0): string {
    try {
      const text = decodeURIComponent(this.#segments[index] ?? '');
      if (text !== '') return text;
    } catch {
      // said below
    }
    throw invalid;
  }

  /** The path parameter as it was sent, still encoded. */
  get segment(): string {
    return this.#segments[0] ?? '';
  }

  /** Whether the request has a body that says it is JSON. */
  get hasBody(): boolean {
    return this.#call.request.headers.has('content-type');
  }

  now(): number {
    return this.#store.now(this.#principal.project);
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
