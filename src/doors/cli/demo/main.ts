import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { invalid } from '../../../kernel/errors.ts';
import { openRookery } from '../../../rookery.ts';
import { Output } from '../output.ts';
import { progressOf } from '../progress.ts';
import type { GlobalOptions } from '../session.ts';
import { judge } from './checks.ts';
import { conduct } from './conduct.ts';
import { gather } from './evidence.ts';
import { stages } from './protocol.ts';
import { type Repository, readRepository } from './repository.ts';
import { type Result, render, resultOf } from './result.ts';

export interface DemoOptions extends GlobalOptions {
  readonly workers: string;
  readonly limit: string;
  readonly keep?: boolean;
}

/** One worker must survive all kills. */
const workersMin = stages.length + 1;
const workersMax = 64;
const filesMax = 100_000;

/**
 * Lets a fleet of processes work through a git repository, kills some of them, and checks that nothing was lost or done
 * twice. Exit status 1 when any check fails; the store is kept then.
 */
export async function demo(path: string, options: DemoOptions): Promise<void> {
  const output = new Output(options.json ?? false);
  const workers = wholeNumber('workers', options.workers, workersMin, workersMax);
  const limit = wholeNumber('limit', options.limit, 1, filesMax);
  if (options.url !== undefined)
    throw invalid('url', 'nothing: the demo opens a data folder itself (--data)');
  const repository = await readRepository(path, limit);
  const place = placeOf(options);
  const interruption = new Interruption(place);
  let sound = false;
  try {
    const result = await run({ repository, workers, place, interruption, output });
    sound = result.ok;
    output.data(result, () => render(result));
    if (!sound) process.exitCode = 1;
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
    output.say('interrupted: every process of the demo was ended');
    process.exitCode = 130;
  } finally {
    interruption.end();
    const remove = place.temporary && (sound || interruption.signal.aborted);
    if (remove) rmSync(place.folder, { recursive: true, force: true });
    else output.say(`The store is in ${place.folder} (project ${place.project})`);
  }
}

interface Run {
  readonly repository: Repository;
  readonly workers: number;
  readonly place: Place;
  readonly interruption: Interruption;
  readonly output: Output;
}

async function run({ repository, workers: count, place, interruption, output }: Run): Promise<Result> {
  const { root, files, tracked } = repository;
  const { folder: store, project } = place;
  const workers = Array.from({ length: count }, (_, i) => `worker-${i + 1}`);
  if (files.length < tracked) output.warn(`the first ${files.length} of ${tracked} files: more with --limit`);
  if (!output.json)
    output.say(`${files.length} files of ${root}, ${count + 2} processes, ${stages.length} kills`);
  const progress = progressOf('analysing', output.json);
  await using rookery = await openRookery({ path: store, project });
  const plan = { store, project, repository, workers, progress, interrupted: interruption.signal };
  const ran = await conduct(rookery, plan).catch((error: unknown) => {
    progress.end('stopped before the end');
    throw error;
  });
  progress.end(`analysed ${files.length} of ${files.length} files`);
  const evidence = await gather(rookery, repository, workers, ran);
  return resultOf(repository, count, evidence, judge(evidence));
}

interface Place {
  readonly folder: string;
  readonly project: string;
  /** Nobody named the folder or asked to keep it. */
  readonly temporary: boolean;
}

/** Each run is a project of its own, so that it can share a store with anything else. */
function placeOf({ data, project, keep }: DemoOptions): Place {
  const folder = data ?? mkdtempSync(join(tmpdir(), 'rookery-demo-'));
  const stamp = new Date().toISOString().replace(/\D/g, '').slice(0, 17);
  return { folder, project: project ?? `demo-${stamp}`, temporary: data === undefined && !keep };
}

/** SIGINT and SIGTERM end the demo in order; so does an exit that somebody else calls for, such as a progress bar. */
class Interruption {
  readonly #place: Place;
  readonly #controller = new AbortController();

  constructor(place: Place) {
    this.#place = place;
    process.on('SIGINT', this.#stop).on('SIGTERM', this.#stop).on('exit', this.#leave);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  end(): void {
    process.off('SIGINT', this.#stop).off('SIGTERM', this.#stop).off('exit', this.#leave);
  }

  readonly #stop = () => this.#controller.abort();

  readonly #leave = () => {
    process.exitCode = 130;
    if (this.#place.temporary) rmSync(this.#place.folder, { recursive: true, force: true });
  };
}

function wholeNumber(field: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw invalid(field, `a whole number from ${least} to ${most}`);
}
