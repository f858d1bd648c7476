import { inspect } from 'node:util';
import { asRookeryError } from '../../../kernel/errors.ts';
import { openRookery, type View } from '../../../rookery.ts';
import type { Assignment, FromConductor, ToConductor } from './protocol.ts';

/** What a process of the demo works with. */
export interface Part {
  readonly assignment: Assignment;
  /** The store as this process's agent sees it: opened by the process itself, on the one file of all. */
  readonly view: View;
  readonly conductor: Conductor;
}

/** Runs one process of the fleet from its start to its end. */
export async function takePart(work: (part: Part) => Promise<void>): Promise<void> {
  const assignment = JSON.parse(process.argv[2] ?? '{}') as Assignment;
  const conductor = new Conductor();
  try {
    const { store: path, project, agent } = assignment;
    await using rookery = await openRookery({ path, project });
    await work({ assignment, view: rookery.as(agent), conductor });
  } catch (thrown) {
    const error = asRookeryError(thrown);
    if (error.code === 'INTERNAL') process.stderr.write(`${inspect(thrown)}\n`);
    conductor.tell({ kind: 'failed', code: error.code, message: error.message });
    process.exitCode = 1;
  } finally {
    conductor.leave();
  }
}

/** The way back to the process that started this one. When that is gone, so is this one. */
export class Conductor {
  readonly #heard: FromConductor[] = [];
  readonly #finished = new AbortController();
  #wake: (() => void) | undefined;

  constructor() {
    process.on('message', (message: FromConductor) => {
      if (message.kind === 'finish') this.#finished.abort();
      else this.#heard.push(message);
      this.#wake?.();
    });
    process.once('disconnect', () => process.exit(1));
  }

  /** Aborted once there is no more work. */
  get finished(): AbortSignal {
    return this.#finished.signal;
  }

  tell(message: ToConductor): void {
    process.send?.(message);
  }

  async hear(): Promise<FromConductor> {
    while (this.#heard.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#heard.shift()!;
  }

  leave(): void {
    process.removeAllListeners('disconnect');
    process.disconnect();
  }
}
