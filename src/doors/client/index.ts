import { type ErrorCode, errorCatalogue, RookeryError } from '../../kernel/errors.ts';
import type { Fence } from '../../kernel/fence.ts';
import type { Operation } from '../../kernel/operation.ts';
import { operations } from '../../operations.ts';
import type { Domains } from '../../rookery.ts';
import { camelCase, compileClient, type RemoteShape } from './shape.ts';

export interface ClientOptions {
  /** Where the server listens, for example `http://127.0.0.1:7665`. */
  readonly url: string;
  readonly token?: string | undefined;
  /** Acts for this agent; the token needs the right act-as. */
  readonly agent?: string | undefined;
  readonly project?: string | undefined;
  readonly swarm?: string | undefined;
  readonly fetch?: typeof fetch | undefined;
}

export interface RemoteCallOptions {
  readonly idempotencyKey?: string | undefined;
  /** The lease that protects this change, and its token. */
  readonly fence?: Fence | undefined;
  readonly signal?: AbortSignal | undefined;
}

const shapes = new WeakMap<Operation, RemoteShape>();

/**
 * A client with the methods of the library over HTTP: the same inputs, the same answers, the same errors.
 *
 * @example
 * const fleet = createClient({ url: 'http://127.0.0.1:7665', token });
 * await fleet.memory.set({ key: 'plan', value: { step: 1 } });
 */
export function createClient(options: ClientOptions): Domains {
  const domains = Object.entries(operations).map(([noun, verbs]) => [
    noun,
    Object.fromEntries(
      Object.entries(verbs as Record<string, Operation>).map(([verb, operation]) => [
        verb,
        (input: unknown, more?: RemoteCallOptions) => callRemote(options, operation, input, more),
      ]),
    ),
  ]);
  return Object.fromEntries(domains) as Domains;
}

/** One operation on a server. Absent comes back as null, as in the library. */
export async function callRemote(
  options: ClientOptions,
  operation: Operation,
  input: unknown,
  { idempotencyKey, fence, signal }: RemoteCallOptions = {},
): Promise<unknown> {
  let shape = shapes.get(operation);
  if (!shape) {
    shape = compileClient(operation);
    shapes.set(operation, shape);
  }
  const { method, path, body } = shape.request(input ?? {});
  const headers: Record<string, string> = {};
  if (options.token !== undefined) headers['Authorization'] = `Bearer ${options.token}`;
  if (options.agent !== undefined) headers['X-Rookery-Agent'] = options.agent;
  if (options.project !== undefined) headers['X-Rookery-Project'] = options.project;
  if (options.swarm !== undefined) headers['X-Rookery-Swarm'] = options.swarm;
  if (idempotencyKey !== undefined) headers['Idempotency-Key'] = idempotencyKey;
  if (fence !== undefined) headers['X-Rookery-Fence'] = `${fence.lease}:${fence.token}`;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const response = await send(options, path, { method, headers, body: body ?? null, signal: signal ?? null });
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok) return shape.answer(answer);
  const error = errorFrom(response.status, answer);
  if (error.code === 'NOT_FOUND' && shape.nullable && error.details['kind'] !== undefined) return null;
  throw error;
}

async function send({ url, fetch: own }: ClientOptions, path: string, init: RequestInit): Promise<Response> {
  try {
    return await (own ?? fetch)(url.replace(/\/$/, '') + path, init);
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    throw new RookeryError('UNAVAILABLE', `no answer from ${url}`, { url }, { cause });
  }
}

/** The error as it was on the server. */
function errorFrom(status: number, answer: unknown): RookeryError {
  const problem = (answer ?? {}) as { code?: string; detail?: string; details?: Record<string, unknown> };
  if (problem.code === undefined || !(problem.code in errorCatalogue)) {
    return new RookeryError('UNAVAILABLE', `the server answered ${status} without an explanation`, {
      status,
    });
  }
  const details = Object.fromEntries(
    Object.entries(problem.details ?? {}).map(([key, value]) => [camelCase(key), value]),
  );
  return new RookeryError(problem.code as ErrorCode, problem.detail ?? problem.code, details);
}

export { RookeryError } from '../../kernel/errors.ts';
