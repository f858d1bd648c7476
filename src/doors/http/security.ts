import type { Principal } from '../../kernel/access/model.ts';
import { actAs, authenticate } from '../../kernel/access/tokens.ts';
import { invalid, RookeryError } from '../../kernel/errors.ts';
import { parse } from '../../kernel/parse.ts';
import * as schema from '../../kernel/schema.ts';
import type { Store } from '../../kernel/store.ts';

export interface Exposure {
  readonly host: string;
  readonly port: number;
  /** Accepts requests without a token. Loopback only. */
  readonly open: boolean;
  /** Origins of web pages that may call, beside none. */
  readonly allowedOrigins: readonly string[];
}

const loopback = new Set(['127.0.0.1', 'localhost', '[::1]', '::1']);

export function isLoopback(host: string): boolean {
  return loopback.has(host);
}

/**
 * Refuses requests that a web page made a browser send: one that names a host this server is not (DNS rebinding), or
 * that comes from an origin nobody allowed. Holds in open mode too.
 */
export function checkSource(request: Request, exposure: Exposure): void {
  const host = request.headers.get('host') ?? '';
  if (!isOwnHost(host, exposure)) {
    throw new RookeryError('FOREIGN_HOST', 'this server does not answer for that host', { host });
  }
  const origin = request.headers.get('origin');
  if (origin !== null && !isOwnOrigin(origin, exposure)) {
    throw new RookeryError('FOREIGN_ORIGIN', 'requests from that origin are not allowed', { origin });
  }
}

function isOwnHost(host: string, { host: bound, port }: Exposure): boolean {
  const [, name = '', given] = /^(\[[^\]]+\]|[^:]*)(?::(\d+))?$/.exec(host) ?? [];
  if (given !== undefined && Number(given) !== port) return false;
  if (given === undefined && port !== 80) return false;
  // A server bound to every interface cannot know its names; its tokens are what protects it.
  if (bound === '0.0.0.0' || bound === '::') return true;
  return name === bound || (isLoopback(bound) && isLoopback(name.toLowerCase()));
}

function isOwnOrigin(origin: string, exposure: Exposure): boolean {
  if (exposure.allowedOrigins.includes(origin)) return true;
  // In open mode a page is never let in: it would act without any token.
  if (exposure.open || !origin.startsWith('http://')) return false;
  return isOwnHost(origin.slice('http://'.length), exposure);
}

/** Who asks, from the token alone. In open mode, without a token, whom the header or the request names. */
export async function identify(store: Store, request: Request, exposure: Exposure): Promise<Principal> {
  const actFor = header(request, 'x-rookery-agent');
  const project = header(request, 'x-rookery-project');
  const swarm = header(request, 'x-rookery-swarm');
  const authorization = request.headers.get('authorization');
  if (authorization === null && exposure.open) {
    const anonymous: Principal = {
      project: project ?? 'default',
      agent: 'anonymous',
      rights: openRights,
      swarm,
    };
    return await actAs(store, anonymous, actFor ?? anonymous.agent);
  }
  const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
  if (token === undefined) throw new RookeryError('UNAUTHENTICATED', 'a bearer token is required');
  const principal = await authenticate(store, token, { actFor, project });
  return { ...principal, swarm };
}

const openRights: Principal['rights'] = new Set(['read', 'write', 'act-as']);

function header(request: Request, name: string): string | undefined {
  const value = request.headers.get(name);
  if (value === null) return undefined;
  try {
    return parse(schema.id, value) as string;
  } catch {
    throw invalid(name, 'an id: not empty, no control characters, no "/", "*" or ":"');
  }
}
