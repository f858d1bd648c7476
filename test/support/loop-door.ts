import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type CFNLoopMemoryConfig, CFNLoopMemoryManager } from '../../src/doors/claude-flow/index.ts';
import { temporaryFolder } from './processes.ts';

/** The loop by the names of seed 000, over a file of its own, and what a reader of that file finds. */

export const freshPath = () => join(temporaryFolder(), 'cfn-loop-memory.db');

export type Opened = CFNLoopMemoryManager & AsyncDisposable;

export async function opened(config: Partial<CFNLoopMemoryConfig>): Promise<Opened> {
  const manager = new CFNLoopMemoryManager({ swarmId: 'phase-1-auth', sqliteDbPath: freshPath(), ...config });
  await manager.initialize();
  return Object.assign(manager, { [Symbol.asyncDispose]: () => manager.shutdown() });
}

export const pathOf = (manager: CFNLoopMemoryManager) => manager.config.sqliteDbPath!;

export function rows<Row>(manager: CFNLoopMemoryManager, sql: string): Row[] {
  const db = new DatabaseSync(pathOf(manager));
  try {
    return db.prepare(sql).all() as Row[];
  } finally {
    db.close();
  }
}

export function inFile(path: string, phrases: readonly string[]): string[] {
  const files = [path, `${path}-wal`].filter(existsSync);
  const bytes = Buffer.concat(files.map((file) => readFileSync(file)));
  return phrases.filter((phrase) => bytes.includes(phrase));
}

export interface AuditRow {
  readonly action: string;
  readonly risk_level: string;
  readonly category: string;
  readonly entity_id: string;
  readonly metadata: string | null;
}
export const audits = (manager: CFNLoopMemoryManager, action: string) =>
  rows<AuditRow>(manager, `SELECT * FROM audit_log WHERE action = '${action}' ORDER BY seq`);
