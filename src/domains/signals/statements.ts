import { change, many, one, statement, type Work } from '../../kernel/work.ts';
import type { Answer, Rule, State } from './model.ts';

export interface SignalRow {
  id: string;
  type: string;
  issuer: string;
  rule: Rule;
  needed: number;
  targets: number;
  /** Acknowledgements that counted. */
  acked: number;
  iteration: number | null;
  priority: number;
  state: State;
  position: number;
  sent_at: number;
  deadline_ms: number;
  ended_at: number | null;
  seq: number;
  sealed: Uint8Array | null;
}

export interface TargetRow {
  signal_id: string;
  agent_id: string;
  answer: Answer;
  /** 1 while it is expected to answer. */
  awaited: number;
  removed: number;
  answered_at: number | null;
  iteration: number | null;
  late: number;
  proof: string | null;
  sealed: Uint8Array | null;
  /** Its last entry; 0 while nothing has happened to it. */
  seq: number;
  position: number;
}

const columns = `s.id, s.type, s.issuer, s.rule, s.needed, s.targets, s.acked, s.iteration, s.priority, s.state, s.position,
  s.sent_at, s.deadline_ms, s.ended_at, s.seq, s.sealed`;
const targetColumns = `t.signal_id, t.agent_id, t.answer, t.awaited, t.removed, t.answered_at, t.iteration, t.late, t.proof,
  t.sealed, t.seq, t.position`;
const listsAreSpelledOtherwise = 'the two name differently what turns a JSON list into rows';

const selectSignal = statement(`SELECT ${columns} FROM signals s WHERE s.project_id = $1 AND s.id = $2`);
export const signalById = (project: string, id: string) => one<SignalRow>(selectSignal, [project, id]);

const activeAmong = (list: string) => `
  SELECT a.id FROM agents a WHERE a.project_id = $1 AND a.id IN (${list})
    AND EXISTS (SELECT 1 FROM memberships m WHERE m.project_id = a.project_id AND m.agent_id = a.id)
  LIMIT 1000`;
const selectActive = statement(activeAmong('SELECT value FROM json_each($2)'), {
  when: 'postgres',
  sql: activeAmong('SELECT json_array_elements_text(CAST($2 AS json))'),
  because: listsAreSpelledOtherwise,
});
/** Those of some agents that are active. */
export function* activeAgents(project: string, agents: readonly string[]): Work<string[]> {
  const rows = yield* many<{ id: string }>(selectActive, [project, JSON.stringify(agents)]);
  return rows.map(({ id }) => id);
}

const insertSignal = statement(`
  INSERT INTO signals (project_id, id, type, issuer, rule, needed, targets, iteration, priority, state, position, sent_at,
    deadline_ms, seq, sealed)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'open', $10, $11, $12, $13, $14)`);
export const addSignal = (project: string, row: SignalRow) =>
  change(insertSignal, [
    project,
    row.id,
    row.type,
    row.issuer,
    row.rule,
    row.needed,
    row.targets,
    row.iteration,
    row.priority,
    row.position,
    row.sent_at,
    row.deadline_ms,
    row.seq,
    row.sealed,
  ]);

const insertInto = 'INSERT INTO signal_targets (project_id, signal_id, agent_id, position)';
const insertTargets = statement(`${insertInto} SELECT $1, $2, value, $4 FROM json_each($3)`, {
  when: 'postgres',
  sql: `${insertInto} SELECT $1, $2, json_array_elements_text(CAST($3 AS json)), CAST($4 AS BIGINT)`,
  because: listsAreSpelledOtherwise,
});
export const addTargets = (project: string, signal: string, agents: readonly string[], position: number) =>
  change(insertTargets, [project, signal, JSON.stringify(agents), position]);

const selectTarget = statement(`
  SELECT ${targetColumns} FROM signal_targets t WHERE t.project_id = $1 AND t.signal_id = $2 AND t.agent_id = $3`);
export const targetOf = (project: string, signal: string, agent: string) =>
  one<TargetRow>(selectTarget, [project, signal, agent]);

const selectTargets = statement(`
  SELECT ${targetColumns} FROM signal_targets t WHERE t.project_id = $1 AND t.signal_id = $2
  ORDER BY t.agent_id LIMIT 1000`);
/** All targets of a signal, by name: never more than one may have. */
export const targetsOf = (project: string, signal: string) =>
  many<TargetRow>(selectTargets, [project, signal]);

const countAble = statement(`
  SELECT count(*) AS n FROM signal_targets t WHERE t.project_id = $1 AND t.signal_id = $2 AND t.answer = 'none'
    AND EXISTS (SELECT 1 FROM memberships m WHERE m.project_id = t.project_id AND m.agent_id = t.agent_id)`);
/** How many targets have not answered and still could. */
export function* ableTargets(project: string, signal: string): Work<number> {
  return (yield* one<{ n: number }>(countAble, [project, signal]))!.n;
}

const updateAnswer = statement(`
  UPDATE signal_targets SET answer = $4, awaited = 0, answered_at = $5, iteration = $6, late = $7, proof = $8, sealed = $9,
    seq = $10
  WHERE project_id = $1 AND signal_id = $2 AND agent_id = $3 AND answer IN ('none', 'lost')`);
/** Keeps the one answer of a target; 0 rows when there is one already. */
export const answerAs = (project: string, row: TargetRow) =>
  change(updateAnswer, [
    project,
    row.signal_id,
    row.agent_id,
    row.answer,
    row.answered_at,
    row.iteration,
    row.late,
    row.proof,
    row.sealed,
    row.seq,
  ]);

const updateLost = statement(`
  UPDATE signal_targets SET answer = 'lost', seq = $4
  WHERE project_id = $1 AND signal_id = $2 AND agent_id = $3 AND answer = 'none'`);
export const loseTarget = (project: string, { signal_id, agent_id, seq }: TargetRow) =>
  change(updateLost, [project, signal_id, agent_id, seq]);

const updateRemoved = statement(`
  UPDATE signal_targets SET removed = 1, awaited = 0, seq = $4
  WHERE project_id = $1 AND signal_id = $2 AND agent_id = $3 AND removed = 0`);
export const removeTarget = (project: string, { signal_id, agent_id, seq }: TargetRow) =>
  change(updateRemoved, [project, signal_id, agent_id, seq]);

const updateAcked = statement(`
  UPDATE signals SET acked = acked + 1 WHERE project_id = $1 AND id = $2 AND state = 'open'`);
export const countAcked = (project: string, signal: string) => change(updateAcked, [project, signal]);

const updateEnded = statement(`
  UPDATE signals SET state = $3, ended_at = $4, seq = $5 WHERE project_id = $1 AND id = $2 AND state = 'open'`);
export const endSignal = (project: string, row: SignalRow) =>
  change(updateEnded, [project, row.id, row.state, row.ended_at, row.seq]);

const updateUnawaited = statement(`
  UPDATE signal_targets SET awaited = 0 WHERE project_id = $1 AND signal_id = $2 AND awaited = 1`);
export const awaitNobody = (project: string, signal: string) => change(updateUnawaited, [project, signal]);

const selectDue = statement(`
  SELECT ${columns} FROM signals s WHERE s.project_id = $1 AND s.state = 'open' AND s.deadline_ms <= $2
  ORDER BY s.deadline_ms LIMIT $3`);
export const dueSignals = (project: string, now: number, limit: number) =>
  many<SignalRow>(selectDue, [project, now, limit]);

const selectAwaiting = statement(`
  SELECT t.signal_id, t.position FROM signal_targets t
  WHERE t.project_id = $1 AND t.agent_id = $2 AND t.awaited = 1 AND t.position > $3 ORDER BY t.position LIMIT $4`);
/** Signals that await an agent's answer, after a position. */
export const signalsAwaiting = (project: string, agent: string, after: number, limit: number) =>
  many<{ signal_id: string; position: number }>(selectAwaiting, [project, agent, after, limit]);

// Who has no membership is not active, and sees nothing.
const isActive = 'EXISTS (SELECT 1 FROM memberships m WHERE m.project_id = s.project_id AND m.agent_id = $2)';
// A signal past its deadline is over whether or not anybody has said so.
const listed = `($4 = '' OR s.type = $4)
  AND ($5 = '' OR $5 = CASE WHEN s.state = 'open' AND s.deadline_ms <= $6 THEN 'timed_out' ELSE s.state END)
  AND ${isActive}`;

const inbox = (which: string) => `
  SELECT ${columns} FROM signal_targets t JOIN signals s ON s.project_id = t.project_id AND s.id = t.signal_id
  WHERE t.project_id = $1 AND t.agent_id = $2 AND ${which} AND t.position > $3 AND ${listed}
  ORDER BY t.position LIMIT $7`;
const selectInbox = { awaited: statement(inbox('t.awaited = 1')), all: statement(inbox('t.removed = 0')) };

export interface Listing {
  readonly after: number;
  /** Empty for any. */
  readonly type: string;
  readonly state: string;
  readonly now: number;
  readonly limit: number;
}

const parametersOf = ({ after, type, state, now, limit }: Listing) => [after, type, state, now, limit];

/** What was addressed to an agent, in the order of sending: what it has not removed, or only what awaits its answer. */
export const signalsTo = (project: string, agent: string, which: 'awaited' | 'all', listing: Listing) =>
  many<SignalRow>(selectInbox[which], [project, agent, ...parametersOf(listing)]);

const selectNewest = statement(`
  SELECT ${columns} FROM signal_targets t JOIN signals s ON s.project_id = t.project_id AND s.id = t.signal_id
  WHERE t.project_id = $1 AND t.agent_id = $2 AND t.removed = 0 AND s.state = 'open' AND s.deadline_ms > $3
  ORDER BY t.position DESC LIMIT 1`);
/** What was addressed to an agent last, of what is open and still in its inbox. */
export const newestTo = (project: string, agent: string, now: number) =>
  one<SignalRow>(selectNewest, [project, agent, now]);

const selectSent = statement(`
  SELECT ${columns} FROM signals s WHERE s.project_id = $1 AND s.issuer = $2 AND s.position > $3 AND ${listed}
  ORDER BY s.position LIMIT $7`);
export const signalsBy = (project: string, agent: string, listing: Listing) =>
  many<SignalRow>(selectSent, [project, agent, ...parametersOf(listing)]);

const selectClock = statement('SELECT clock_ms FROM ledger_heads WHERE project_id = $1');
/** The store clock as far as anybody has committed it. */
export function* committedClock(project: string): Work<number> {
  return (yield* one<{ clock_ms: number }>(selectClock, [project]))?.clock_ms ?? 0;
}

const selectEnded = statement(`
  SELECT ${columns} FROM signals s WHERE s.project_id = $1 AND s.ended_at IS NOT NULL AND s.ended_at < $2
  ORDER BY s.ended_at LIMIT $3`);
export const endedBefore = (project: string, before: number, limit: number) =>
  many<SignalRow>(selectEnded, [project, before, limit]);

const deleteTargets = statement('DELETE FROM signal_targets WHERE project_id = $1 AND signal_id = $2');
const deleteSignal = statement('DELETE FROM signals WHERE project_id = $1 AND id = $2');
export function* dropSignal(project: string, id: string): Work<void> {
  yield* change(deleteTargets, [project, id]);
  yield* change(deleteSignal, [project, id]);
}

const selectAll = statement(`
  SELECT ${columns} FROM signals s WHERE s.project_id = $1 AND s.id > $2 ORDER BY s.id LIMIT $3`);
export const signalsAfter = (project: string, after: string, limit: number) =>
  many<SignalRow>(selectAll, [project, after, limit]);

const selectAnswered = statement(`
  SELECT ${targetColumns}, s.issuer FROM signal_targets t
  LEFT JOIN signals s ON s.project_id = t.project_id AND s.id = t.signal_id
  WHERE t.project_id = $1 AND (t.signal_id, t.agent_id) > ($2, $3) AND t.seq > 0
  ORDER BY t.signal_id, t.agent_id LIMIT $4`);
/** Targets that something has happened to. */
export const answersAfter = (project: string, [signal, agent]: readonly string[], limit: number) =>
  many<TargetRow & { issuer: string | null }>(selectAnswered, [project, signal!, agent!, limit]);

const selectIssued = statement(`
  SELECT ${columns} FROM signals s WHERE s.project_id = $1 AND s.issuer = $2 ORDER BY s.position LIMIT $3`);
export const signalsOf = (project: string, issuer: string, limit: number) =>
  many<SignalRow>(selectIssued, [project, issuer, limit]);

const selectWorded = statement(`
  SELECT ${targetColumns}, s.issuer FROM signal_targets t
  JOIN signals s ON s.project_id = t.project_id AND s.id = t.signal_id
  WHERE t.project_id = $1 AND t.agent_id = $2 AND t.sealed IS NOT NULL LIMIT $3`);
/** Answers of an agent that say something in words. */
export const wordedAnswers = (project: string, agent: string, limit: number) =>
  many<TargetRow & { issuer: string }>(selectWorded, [project, agent, limit]);

const updateWords = statement(`
  UPDATE signal_targets SET sealed = $4, seq = $5 WHERE project_id = $1 AND signal_id = $2 AND agent_id = $3`);
export const putWords = (project: string, { signal_id, agent_id, sealed, seq }: TargetRow) =>
  change(updateWords, [project, signal_id, agent_id, sealed, seq]);

const selectOpen = statement(`
  SELECT ${columns} FROM signals s
  WHERE s.project_id = $1 AND s.issuer = $2 AND s.state = 'open' AND s.position > $3 ORDER BY s.position LIMIT $4`);
export const openSignalsOf = (project: string, issuer: string, after: number, limit: number) =>
  many<SignalRow>(selectOpen, [project, issuer, after, limit]);

const updateIssuer = statement(`
  UPDATE signals SET issuer = $3, sealed = $4, seq = $5 WHERE project_id = $1 AND id = $2 AND state = 'open'`);
export const passOn = (project: string, { id, issuer, sealed, seq }: SignalRow) =>
  change(updateIssuer, [project, id, issuer, sealed, seq]);
