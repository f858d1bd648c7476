import type { View } from '../../../rookery.ts';
import { type Part, takePart } from './part.ts';
import { ackWaitMs, findings, type Report, reports, type Summary, summary } from './protocol.ts';

/** The process that reads the reports and keeps the summary of the project up to date. */

const grantSeconds = 3600;
const reportsAtOnce = 100;

async function review({ assignment, view, conductor }: Part): Promise<void> {
  // Findings about sensitive files come into the reviewer's private memory: workers write there and never read.
  for (const agent of assignment.workers) {
    await view.access.grant({
      ...{ agent, acts: ['write'], resource: 'memory', level: 'private', prefix: findings },
      ttl: grantSeconds,
      reason: 'findings about sensitive files',
    });
  }
  conductor.tell({ kind: 'ready' });
  const tally = new Tally(await filesPosted(view, conductor.finished));
  let revision = 0;
  for (;;) {
    const received = await view.mail.receive(
      { ...reports, max: reportsAtOnce, ackWaitMs, waitMs: 1000 },
      { signal: conductor.finished },
    );
    const deliveries = received?.deliveries ?? [];
    if (deliveries.length === 0) {
      // A report is sent before its item is acknowledged: once all are, no more can come.
      if (conductor.finished.aborted) return;
      continue;
    }
    for (const { event } of deliveries) tally.add(event.data as Report);
    // First the effect, then the acknowledgement: a crash in between repeats a report and loses none.
    const stored = await view.memory.set({ ...summary, value: tally.summary, expectedRevision: revision });
    revision = stored.revision;
    await view.mail.ack({ ...reports, deliveries: deliveries.map(({ deliveryId }) => deliveryId) });
  }
}

/** How many files there are, from the coordinator's mail. */
async function filesPosted({ mail, principal }: View, finished: AbortSignal): Promise<number> {
  const stream = `inbox/${principal.agent}`;
  for (;;) {
    const inbox = await mail.read({ stream, waitMs: 1000 }, { signal: finished });
    const posted = inbox?.events.find(({ type }) => type === 'posted');
    if (posted) return (posted.data as { files: number }).files;
    if (finished.aborted) return 0;
  }
}

class Tally {
  readonly #posted: number;
  readonly #seen = new Map<string, Report>();

  constructor(posted: number) {
    this.#posted = posted;
  }

  /** Reports come at least once; another one about the same file changes nothing. */
  add(report: Report): void {
    if (!this.#seen.has(report.file)) this.#seen.set(report.file, report);
  }

  get summary(): Summary {
    const seen = [...this.#seen.values()];
    const languages: Record<string, number> = {};
    for (const { language } of seen) languages[language] = (languages[language] ?? 0) + 1;
    return {
      posted: this.#posted,
      files: seen.length,
      lines: seen.reduce((sum, { lines }) => sum + lines, 0),
      languages: Object.fromEntries(Object.entries(languages).toSorted(([, a], [, b]) => b - a)),
      sensitive: seen.filter(({ sensitive }) => sensitive).length,
    };
  }
}

await takePart(review);
