import * as memory from '../../../domains/memory/operations.ts';
import { limits } from '../../../kernel/limits.ts';
import type { SwarmMemoryManager } from './manager.ts';
import type { MemoryCallOptions } from './options.ts';
import type { MemorySession } from './session.ts';

/** Keys and values as callers give them. */
export type KeyValues =
  | Readonly<Record<string, unknown>>
  | ReadonlyMap<string, unknown>
  | readonly (readonly [key: string, value: unknown] | { readonly key: string; readonly value: unknown })[];

export interface KeyListing extends MemoryCallOptions {
  /** A glob over keys: `*` for any run of characters, `?` for one. */
  readonly pattern?: string | undefined;
  /** Most keys to answer; all by default. */
  readonly limit?: number | undefined;
}

interface Entry {
  readonly key: string;
  readonly value: unknown;
}

export function entriesOf(values: KeyValues): Entry[] {
  if (values instanceof Map) return [...values].map(([key, value]) => ({ key, value }));
  if (!Array.isArray(values)) return Object.entries(values).map(([key, value]) => ({ key, value }));
  return values.map((entry: readonly [string, unknown] | Entry) =>
    'key' in entry ? { key: entry.key, value: entry.value } : { key: entry[0], value: entry[1] },
  );
}

export function pagesOf<T>(items: readonly T[], size: number): T[][] {
  const pages: T[][] = [];
  for (let start = 0; start < items.length; start += size) pages.push(items.slice(start, start + size));
  return pages;
}

/** The keys that an agent can read, the newest first. The store lists them by name, so all of them are read here. */
export async function allKeys(
  manager: SwarmMemoryManager,
  options: MemoryCallOptions,
  { pattern, limit = Number.POSITIVE_INFINITY }: KeyListing,
): Promise<string[]> {
  const found: Listed[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const from: string = cursor;
    const asked = async (session: MemorySession) => {
      const { key: _, ...where } = await session.address('*', options);
      return { ...where, pattern, limit: limits.pageSize, cursor: from };
    };
    const page: { keys: Listed[]; nextCursor: string | null } = await manager.read(
      memory.keys,
      options,
      asked,
      { keys: [], nextCursor: null },
    );
    found.push(...page.keys);
    cursor = page.nextCursor;
  }
  found.sort((a, b) => b.updatedAt - a.updatedAt || b.seq - a.seq);
  return found.slice(0, limit).map(({ key }) => key);
}

interface Listed {
  readonly key: string;
  readonly updatedAt: number;
  readonly seq: number;
}
