import type { Evidence } from './evidence.ts';
import { stages } from './protocol.ts';

/** One thing that was promised, whether it holds, and the facts. */
export interface Check {
  readonly check: string;
  readonly ok: boolean;
  readonly facts: string;
}

/** Holds what lies in the store against what the demo promises. Pure: no check can be talked out of its verdict. */
export function judge(evidence: Evidence): Check[] {
  return [
    exactlyOneFinding(evidence),
    rightContent(evidence),
    everyItemAcknowledged(evidence),
    everyFileReported(evidence),
    summaryComplete(evidence),
    killedInTheMiddle(evidence),
    takenOver(evidence),
    nothingLeaked(evidence),
    noLockLeft(evidence),
    auditHolds(evidence),
  ];
}

function exactlyOneFinding({ contents, findings }: Evidence): Check {
  const counts = new Map([...contents.keys()].map((key) => [key, 0]));
  for (const { key } of findings) counts.set(key, (counts.get(key) ?? 0) + 1);
  const missing = [...counts].filter(([, count]) => count === 0).map(([key]) => key);
  const twice = [...counts].filter(([, count]) => count > 1).map(([key]) => key);
  const unknown = [...counts.keys()].filter((key) => !contents.has(key));
  const rewritten = findings.filter(({ revision }) => revision !== 1).map(({ key }) => key);
  const wrong = [
    ...some('missing', missing),
    ...some('more than once', twice),
    ...some('of no file', unknown),
    ...some('written again', rewritten),
  ];
  return {
    check: 'every file has exactly one finding, written once',
    ok: wrong.length === 0,
    facts: wrong.length === 0 ? `${findings.length} findings of ${contents.size} files` : wrong.join('; '),
  };
}

function rightContent({ contents, findings }: Evidence): Check {
  const wrong = findings.filter(({ key, sha256 }) => contents.get(key) !== sha256).map(({ key }) => key);
  return verdict(
    'every finding is about the content that git has',
    wrong.length === 0,
    some('other content', wrong)[0] ?? `${findings.length} SHA-256 compared`,
  );
}

function everyItemAcknowledged({ contents, items }: Evidence): Check {
  const { acked, dead, open } = items;
  return verdict(
    'every item was acknowledged, none died',
    acked === contents.size && dead === 0 && open === 0,
    `${acked} of ${contents.size} acknowledged, ${open} open, ${dead} dead`,
  );
}

function everyFileReported({ contents, reports }: Evidence): Check {
  const files = new Set(reports.map(({ file }) => file));
  return verdict(
    'every file was reported',
    files.size === contents.size,
    `${files.size} of ${contents.size} files in ${reports.length} reports`,
  );
}

function summaryComplete({ contents, summary }: Evidence): Check {
  const { posted = 0, files = 0 } = summary ?? {};
  return verdict(
    'the summary in project memory counts every file',
    posted === contents.size && files === contents.size,
    `${files} of ${posted} posted`,
  );
}

function killedInTheMiddle({ kills }: Evidence): Check {
  const reached = new Set(kills.map(({ stage }) => stage));
  return verdict(
    'workers were killed while they held an item and a lock',
    stages.every((stage) => reached.has(stage)),
    `${kills.length} killed by SIGKILL (${kills.map(({ stage }) => stage).join(', ')})`,
  );
}

function takenOver({ kills, reports }: Evidence): Check {
  const left = kills.filter((kill) => !successorOf(kill, reports)).map(({ file }) => file);
  return verdict(
    'what they held was finished by others, under a later fencing token',
    left.length === 0,
    some('not taken over', left)[0] ?? `${kills.length} of ${kills.length} taken over`,
  );
}

/** The report of whoever finished the file that a killed worker had in hand. */
export function successorOf(
  kill: Evidence['kills'][number],
  reports: Evidence['reports'],
): Evidence['reports'][number] | undefined {
  return reports.find(
    ({ file, worker, attempt, token }) =>
      file === kill.file && worker !== kill.worker && attempt > 1 && token > kill.token,
  );
}

function nothingLeaked({ spied: { tried, read } }: Evidence): Check {
  return verdict(
    'private findings cannot be read by other workers',
    read === 0,
    `${tried - read} of ${tried} attempts denied`,
  );
}

function noLockLeft({ locksHeld }: Evidence): Check {
  return verdict('no lock is left behind', locksHeld === 0, `${locksHeld} held`);
}

function auditHolds({ audit }: Evidence): Check {
  const { ok, entries, records, findings } = audit;
  const compared = `${entries} entries re-hashed, ${records} records compared with them`;
  return verdict(
    'the audit log verifies',
    ok,
    ok ? compared : findings.map(({ message }) => message).join('; '),
  );
}

function verdict(check: string, ok: boolean, facts: string): Check {
  return { check, ok, facts };
}

const shown = 5;

/** `missing: a, b and 3 more`, or nothing for an empty list. */
function some(what: string, names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const more = names.length > shown ? ` and ${names.length - shown} more` : '';
  return [`${what}: ${names.slice(0, shown).join(', ')}${more}`];
}
