import { hash } from 'node:crypto';
import type { ErrorCode } from '../../../kernel/errors.ts';
import { limits } from '../../../kernel/limits.ts';

/** What the processes of the demo agree on: names in the store, times, and what they tell their conductor. */

export const team = 'analysis';
export const reviewer = 'reviewer';
export const coordinator = 'coordinator';

/** One work item per file; the workers share one cursor. */
export const items = { stream: 'demo/items', group: 'workers' } as const;
/** One report per item, at least. */
export const reports = { stream: 'demo/reports', group: 'reviewers' } as const;
/** One finding per file, exactly. Those about sensitive files lie in the private memory of the reviewer. */
export const findings = 'findings';
export const summary = { namespace: 'demo', key: 'summary' } as const;

/**
 * Short, so that what a dead worker held comes free while one watches. Its lock outlasts its item: whoever takes over
 * stands before the lock of the dead first.
 */
export const ackWaitMs = 2000;
export const leaseMs = 2500;
export const maxDeliveries = 20;

export interface Item {
  readonly file: string;
  readonly blob: string;
}

export interface Report {
  readonly file: string;
  readonly language: string;
  readonly lines: number;
  readonly sensitive: boolean;
  readonly worker: string;
  /** The delivery of the item: more than 1 means that somebody else had it before. */
  readonly attempt: number;
  /** The fencing token of the lock it was done under. */
  readonly token: number;
  /** How long the worker stood before the lock of somebody else. */
  readonly waitedMs: number;
  /** The finding was there already: a worker stored it and died before it could acknowledge the item. */
  readonly found: boolean;
}

/** What the reviewer makes of the reports. */
export interface Summary {
  /** How many items the coordinator says there are. */
  readonly posted: number;
  readonly files: number;
  readonly lines: number;
  readonly languages: Readonly<Record<string, number>>;
  readonly sensitive: number;
}

/** Where in its work a worker is when it dies: each asks something else of the one that takes over. */
export const stages = ['locked', 'stored', 'reported'] as const;
export type Stage = (typeof stages)[number];

export const stageMeanings: Record<Stage, string> = {
  locked: 'with the file locked and nothing stored',
  stored: 'with the finding stored and not reported',
  reported: 'with the finding reported and the item not acknowledged',
};

/** What a process is started with. */
export interface Assignment {
  readonly store: string;
  readonly project: string;
  readonly agent: string;
  readonly root: string;
  readonly workers: readonly string[];
}

export type ToConductor =
  | { readonly kind: 'ready' }
  /** Has an item and the lock of its file, and asks whether to go on. */
  | { readonly kind: 'holding' }
  /** Has come to the stage at which it was told to stop. */
  | { readonly kind: 'stopped'; readonly file: string; readonly stage: Stage; readonly token: number }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string };

export type FromConductor =
  | { readonly kind: 'begin'; readonly files: readonly Item[] }
  | { readonly kind: 'proceed'; readonly stopAt?: Stage }
  | { readonly kind: 'finish' };

const plain = /^[^\u0000-\u001f\u007f]+$/;

/** The key of a file's finding: its path, or a digest of one that no key may be. */
export function keyOf(file: string): string {
  const fits = plain.test(file) && Buffer.byteLength(file) <= limits.nameLength;
  return fits ? file : `sha256:${hash('sha256', file, 'hex')}`;
}

/** What to lock for a file: the path, or a name where the path has no single spelling on all file systems. */
export function resourceOf(file: string): { path: string } | { names: string[] } {
  const key = keyOf(file);
  return key === file && !/[. ](?:\/|$)|\\/.test(file) ? { path: file } : { names: [key] };
}
