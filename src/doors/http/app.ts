import { Hono } from 'hono';
import type { Principal } from '../../kernel/access/model.ts';
import { isoTime } from '../../kernel/clock.ts';
import { invalid, notFound, RookeryError } from '../../kernel/errors.ts';
import { newId } from '../../kernel/ids.ts';
import type { Store } from '../../kernel/store.ts';
import { operationList } from '../../operations.ts';
import { version } from '../../version.ts';
import { fenceFromText, nounOf } from '../naming.ts';
import { followable, sseResponse } from './follow.ts';
import type { Metrics } from './metrics.ts';
import { openApiOf } from './openapi.ts';
import { docsPage, homePage } from './pages.ts';
import { problemOf, problemResponse } from './problems.ts';
import { type Route, readInput, routeOf } from './request.ts';
import { checkSource, type Exposure, identify } from './security.ts';

export interface AppOptions {
  readonly store: Store;
  readonly exposure: Exposure;
  readonly metrics: Metrics;
  /** Hears of every failure that is the server's own, with the request's id. */
  readonly onFailure: (error: unknown, requestId: string) => void;
  /** Hears of every request that was answered. */
  readonly onAnswer?: ((answer: Answered) => void) | undefined;
  /** Other doors on the same port, asked before the routes of the operations. */
  readonly doors?: readonly Door[] | undefined;
}

export interface Answered {
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly durationMs: number;
}

/** A door that shares the port: answers what is its own and leaves the rest. */
export type Door = (call: DoorCall) => Promise<Response | undefined>;

export interface DoorCall {
  readonly request: Request;
  /** Raw path, still encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly requestId: string;
  /** Who asks; throws when nobody may. */
  identify(): Promise<Principal>;
}

/** Every operation of the table that has a route. */
export const routes: readonly Route[] = operationList.flatMap((operation) => routeOf(operation) ?? []);

/** The HTTP door as a standard fetch function: mountable anywhere, testable without a socket. */
export function httpApp(options: AppOptions): Hono {
  const { store, exposure, metrics } = options;
  const app = new Hono();
  const description = JSON.stringify(openApiOf(routes, version));
  const pages = pagesOf(options, description);

  app.all('*', async (c) => {
    const started = performance.now();
    const request = c.req.raw;
    const requestId = requestIdOf(request, store);
    const url = request.url;
    const { path, query } = splitUrl(url);
    let response: Response;
    try {
      checkSource(request, exposure);
      const call = { request, path, query, requestId, identify: () => identify(store, request, exposure) };
      response =
        (await pages(request.method, path)) ??
        (await ask(options.doors ?? [], call)) ??
        (await answer(store, call));
    } catch (error) {
      if (problemOf(error).status === 500) options.onFailure(error, requestId);
      response = problemResponse(error);
    }
    response.headers.set('X-Request-Id', requestId);
    metrics.answered(request.method, response.status);
    options.onAnswer?.({
      requestId,
      method: request.method,
      path,
      status: response.status,
      durationMs: performance.now() - started,
    });
    return response;
  });
  return app;
}

async function ask(doors: readonly Door[], call: DoorCall): Promise<Response | undefined> {
  for (const door of doors) {
    const response = await door(call);
    if (response) return response;
  }
  return undefined;
}

async function answer(store: Store, call: DoorCall): Promise<Response> {
  const { request, path, query, requestId } = call;
  if (request.method === 'OPTIONS') return new Response(null, { status: 200 });
  const fitting = routes.filter((route) => route.pattern.test(path));
  const route = fitting.find((candidate) => candidate.method === request.method);
  // Clients of every door arrive here, and some of them read plain JSON only.
  if (fitting.length === 0)
    return problemResponse(new RookeryError('NOT_FOUND', 'Not found'), {
      'Content-Type': 'application/json',
    });
  if (!route) throw wrongMethod(fitting, request.method);
  const principal = await call.identify();
  const input = withPrecondition(request, route, await readInput(route, request, path, query));
  if (followable(route.operation) && request.headers.get('accept')?.includes('text/event-stream')) {
    return sseResponse({ store, route, identify: call.identify, input, request });
  }
  const idempotencyKey = request.headers.get('idempotency-key') ?? undefined;
  const shown = request.headers.get('x-rookery-fence');
  const fence = shown === null ? undefined : fenceFromText(shown);
  // Asking for the signal makes the server build a whole Request: only what can wait needs to know of a hang-up.
  const signal = route.operation.wait ? request.signal : undefined;
  try {
    const { output, replayed } = await store.invoke(route.operation, principal, input, {
      idempotencyKey,
      fence,
      requestId,
      signal,
    });
    if (output === null) throw notFound(nounOf(route.operation.name));
    return jsonResponse(route.output(output), output, replayed);
  } catch (error) {
    if (
      request.headers.has('if-match') &&
      error instanceof RookeryError &&
      error.code === 'REVISION_CONFLICT'
    ) {
      return withStatus(problemResponse(error), 412);
    }
    throw error;
  }
}

function wrongMethod(fitting: readonly Route[], method: string): RookeryError {
  const allowed = fitting.map((route) => route.method).join(', ');
  return new RookeryError('METHOD_NOT_ALLOWED', 'Method not allowed', { method, allowed });
}

function jsonResponse(body: unknown, output: unknown, replayed: boolean): Response {
  const headers = new Headers({ 'Content-Type': 'application/json' });
  const revision = (output as { revision?: unknown }).revision;
  if (typeof revision === 'number') headers.set('ETag', `"${revision}"`);
  if (replayed) headers.set('Idempotency-Replayed', 'true');
  return new Response(JSON.stringify(body), { headers });
}

function withStatus(response: Response, status: number): Response {
  return new Response(response.body, { status, headers: response.headers });
}

/** `If-Match: "3"` is an expected revision, `If-None-Match: *` expects none, where the operation knows revisions. */
function withPrecondition(request: Request, route: Route, input: unknown): unknown {
  const match = request.headers.get('if-match');
  const none = request.headers.get('if-none-match');
  if ((match === null && none === null) || !route.fields.has('expected_revision')) return input;
  if (none !== null && none !== '*') throw invalid('if-none-match', '*');
  const revision = none === '*' ? '0' : /^"(\d+)"$/.exec(match!)?.[1];
  if (revision === undefined) throw invalid('if-match', 'one revision in quotes, as the ETag header gave it');
  return { ...(input as object), expectedRevision: Number(revision) };
}

function requestIdOf(request: Request, store: Store): string {
  const given = request.headers.get('x-request-id');
  return given && /^[\w.-]{1,64}$/.test(given) ? given : newId('req', store.clock.now(), store.random);
}

/** Path and query without building a URL object: this is on the way of every request. */
function splitUrl(url: string): { path: string; query: URLSearchParams } {
  const start = url.indexOf('/', url.indexOf('://') + 3);
  const mark = url.indexOf('?', start);
  const path = mark < 0 ? url.slice(start) : url.slice(start, mark);
  return { path, query: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)) };
}

function pagesOf({ store, metrics, exposure }: AppOptions, description: string) {
  const text = (body: string, type: string, status = 200) =>
    new Response(body, { status, headers: { 'Content-Type': type } });
  const html = (body: string) =>
    new Response(body, {
      headers: {
        'Content-Type': 'text/html; charset=utf-8',
        'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
      },
    });
  return async (method: string, path: string): Promise<Response | undefined> => {
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    switch (path) {
      case '/':
        return html(homePage(version, exposure.open));
      case '/docs':
        return html(docsPage(routes, version));
      case '/openapi.json':
        return text(description, 'application/json');
      case '/metrics':
        return text(await metrics.registry.metrics(), metrics.registry.contentType);
      case '/health':
        return await healthResponse(store, exposure.open);
      default:
        return undefined;
    }
  };
}

/** The seed's health check looks for `status` and `service`; the rest is ours. */
async function healthResponse(store: Store, open: boolean): Promise<Response> {
  const timestamp = isoTime(store.clock.now());
  try {
    const { engine, version: engineVersion, settings } = await store.engine.describe();
    const body = {
      status: 'healthy',
      service: 'squawk',
      product: 'rookery',
      version,
      timestamp,
      open,
      database: { engine, version: engineVersion, settings },
    };
    return Response.json(body);
  } catch {
    return Response.json(
      { status: 'unhealthy', service: 'squawk', product: 'rookery', version, timestamp },
      { status: 503 },
    );
  }
}
