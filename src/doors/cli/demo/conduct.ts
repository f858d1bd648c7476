import { RookeryError } from '../../../kernel/errors.ts';
import type { Rookery } from '../../../rookery.ts';
import type { Progress } from '../progress.ts';
import { Casualties, type Kill } from './casualties.ts';
import { Crew, type Member, type PartName } from './crew.ts';
import { type Assignment, coordinator, items, reviewer, type ToConductor, team } from './protocol.ts';
import type { Repository } from './repository.ts';

export interface Plan {
  /** The folder of the store. */
  readonly store: string;
  readonly project: string;
  readonly repository: Repository;
  readonly workers: readonly string[];
  readonly progress: Progress;
  /** Aborted when somebody wants the demo to end early. */
  readonly interrupted: AbortSignal;
}

export interface Ran {
  readonly kills: readonly Kill[];
  /** From the first item that was posted to the last that was acknowledged. */
  readonly durationMs: number;
  readonly processes: number;
}

const lookEveryMs = 100;
/** Without any item acknowledged for so long, something is wrong. */
const stalledMs = 60_000;

/** Runs the fleet over the repository, kills some of it, and answers when every item is acknowledged. */
export async function conduct(rookery: Rookery, plan: Plan): Promise<Ran> {
  const { repository, workers } = plan;
  const crew = new Crew();
  try {
    await register(rookery, workers);
    const casualties = new Casualties(repository.files.length);
    const hear = (message: ToConductor, member: Member) => direct(message, member, casualties);
    const start = (part: PartName, agent: string) => crew.start(part, assignmentOf(plan, agent), hear);
    // Streams and groups come first, so that nobody waits for something that is not there.
    const head = await soon(plan, crew, start('coordinator', coordinator));
    const fleet = await soon(
      plan,
      crew,
      Promise.all([start('reviewer', reviewer), ...workers.map((agent) => start('worker', agent))]),
    );
    const started = performance.now();
    head.tell({ kind: 'begin', files: repository.files });
    await soon(plan, crew, allAcknowledged(rookery, plan));
    const durationMs = performance.now() - started;
    for (const member of fleet) member.tell({ kind: 'finish' });
    await soon(plan, crew, Promise.all([head, ...fleet].map(({ ended }) => ended)));
    return { kills: casualties.kills, durationMs, processes: fleet.length + 1 };
  } finally {
    await crew.end();
  }
}

/** The agents, by the administrator: those who share findings are one team. */
async function register({ fleet }: Rookery, workers: readonly string[]): Promise<void> {
  for (const id of workers) await fleet.register({ id, type: 'worker', team });
  await fleet.register({ id: reviewer, type: 'reviewer', team });
  await fleet.register({ id: coordinator, type: 'coordinator', team });
}

function assignmentOf({ store, project, repository, workers }: Plan, agent: string): Assignment {
  return { store, project, agent, root: repository.root, workers };
}

/** Answers a worker that asks whether to go on, and kills the one that has come to the stage it was to stop at. */
function direct(message: ToConductor, member: Member, casualties: Casualties): void {
  if (message.kind === 'holding') {
    const stopAt = casualties.decide();
    member.tell({ kind: 'proceed', ...(stopAt && { stopAt }) });
  } else if (message.kind === 'stopped') {
    const { file, stage, token } = message;
    member.kill();
    casualties.kills.push({ worker: member.agent, pid: member.pid, file, stage, token });
  }
}

/** The answer, unless a process fails or somebody interrupts first. */
function soon<T>({ interrupted }: Plan, crew: Crew, answer: Promise<T>): Promise<T> {
  const interruption = new Promise<never>((_, reject) => {
    const stop = () => reject(new RookeryError('UNAVAILABLE', 'interrupted'));
    if (interrupted.aborted) stop();
    else interrupted.addEventListener('abort', stop, { once: true });
  });
  return Promise.race([answer, crew.failure, interruption]);
}

async function allAcknowledged(
  { mail }: Rookery,
  { repository, progress, interrupted }: Plan,
): Promise<void> {
  const total = repository.files.length;
  let acked = -1;
  let since = performance.now();
  while (!interrupted.aborted) {
    const group = await mail.group(items);
    if (group && group.acked !== acked) [acked, since] = [group.acked, performance.now()];
    progress.update(Math.max(acked, 0), total, 'files');
    if (acked === total) return;
    if (performance.now() - since > stalledMs) {
      throw new RookeryError('TIMEOUT', `no item was acknowledged for ${stalledMs} ms`, { acked, total });
    }
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
}
