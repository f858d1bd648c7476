import { expect, it } from 'vitest';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { crew } from '../../support/fleet.ts';
import { agreement } from '../../support/loop.ts';
import { entriesOf, execute, select } from '../../support/statements.ts';
import { about } from './proposals.ts';

const base = { title: 'Ship it?', target: about };

/** What plain SQL and the ledger know of votes, and that verification compares the two. */
export function evidenceSuite(harness: Harness): void {
  it('shows votes to plain SQL under the names of seed 000', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const { a, b } = await crew(rookery, 'a', 'b', 'c');
    const seed = {
      type: 'phase',
      target_id: 'auth',
      target_type: about.type,
      acl_level: 3,
      swarm_id: 'default',
    };
    const kind = 'approval' as const;
    const threshold = { numerator: 1, denominator: 2 };
    const electorate = ['a', 'b', 'c'].map((agent) => ({ agent }));
    await a.votes.propose({ ...base, id: '1', kind: 'gate', electorate });
    await a.votes.propose({ ...base, id: '2', kind, electorate, strategy: 'weighted', threshold });
    await a.votes.propose({
      ...{ ...base, id: '3', kind, electorate, strategy: 'unanimous' },
      level: 'project',
      deadlineMs: 5,
    });
    await a.votes.propose({ ...base, id: '4', kind, electorate: [{ agent: 'a' }] });
    await a.votes.cast({ proposal: '2', choice: 'accept' });
    await b.votes.cast({ proposal: '2', choice: 'abstain' });
    await a.votes.cast({ proposal: '4', choice: 'accept' });
    clock.advance(5);
    await rookery.votes.sweep();
    const rows = await select<Record<string, unknown>>(
      rookery,
      `SELECT type, target_id, target_type, acl_level, swarm_id, status, voting, threshold, current_score,
        required_validators, current_validators FROM consensus ORDER BY id`,
    );
    const numbers = rows.map((row) => ({
      ...row,
      threshold: Number(row['threshold']),
      current_score: Number(row['current_score']),
    }));
    const common = { ...seed, type: kind, required_validators: 3, current_validators: 0, current_score: 0 };
    expect(numbers).toEqual([
      { ...common, type: 'gate', status: 'pending', voting: 'simple', threshold: 0.5 },
      {
        ...common,
        status: 'in_progress',
        voting: 'weighted',
        threshold: 0.5,
        current_score: 0.5,
        current_validators: 2,
      },
      { ...common, status: 'expired', voting: 'unanimous', threshold: 1, acl_level: 4, swarm_id: null },
      {
        ...common,
        status: 'achieved',
        voting: 'simple',
        threshold: 0.5,
        current_score: 1,
        required_validators: 1,
        current_validators: 1,
      },
    ]);
    const times = await select<Record<string, unknown>>(
      rookery,
      "SELECT created_at, deadline, resolved_at FROM consensus WHERE id = '3'",
    );
    expect(times).toEqual([
      {
        created_at: '2026-01-01T00:00:00.000Z',
        deadline: '2026-01-01T00:00:00.005Z',
        resolved_at: '2026-01-01T00:00:00.005Z',
      },
    ]);
    const cast = await select(
      rookery,
      'SELECT consensus_id, voter_id, vote, weight FROM votes ORDER BY 1, 2',
    );
    expect(cast).toEqual([
      { consensus_id: '2', voter_id: 'a', vote: 'accept', weight: 1 },
      { consensus_id: '2', voter_id: 'b', vote: 'abstain', weight: 1 },
      { consensus_id: '4', voter_id: 'a', vote: 'accept', weight: 1 },
    ]);
  });

  it('shows agreements of validators there too, and forgets what an erased agent proposed and said', async () => {
    const rookery = await harness.open();
    const { a, b, c } = await crew(rookery, 'a', 'b', 'c');
    await a.loop.recordConsensus(agreement);
    const loop = await select(
      rookery,
      'SELECT type, target_type, target_id, status, current_validators, voting, loop_number FROM consensus',
    );
    expect(loop).toEqual([
      {
        ...{ type: 'validation', target_type: 'phase', target_id: 'auth', status: 'achieved' },
        ...{ current_validators: 2, voting: 'simple', loop_number: 2 },
      },
    ]);
    await rookery.fleet.createTeam({ id: 'red' });
    const electorate = ['a', 'b', 'c'].map((agent) => ({ agent }));
    const common = { ...base, electorate, strategy: 'majority' } as const;
    await a.votes.propose({ ...common, id: 'own', level: 'private' });
    await a.votes.propose({ ...common, id: 'theirs' });
    await b.votes.propose({ ...common, id: 'kept' });
    for (const proposal of ['own', 'theirs', 'kept'])
      for (const view of [a, c]) await view.votes.cast({ proposal, choice: 'accept', reason: 'because' });
    expect(await rookery.keys.erase({ agent: 'a', owned: true })).toMatchObject({ state: 'done' });
    expect((await b.votes.list()).proposals.map(({ id }) => id)).toEqual(['kept']);
    const { electors } = (await b.votes.ballots({ proposal: 'kept' }))!;
    expect(electors.map(({ ballot }) => ballot && [ballot.choice, ballot.reason])).toEqual([
      ['accept', null],
      null,
      ['accept', 'because'],
    ]);
    expect(await b.votes.recount({ proposal: 'kept' })).toMatchObject({ matches: true, decision: 'accept' });
    expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
  });

  it('records each step once, with no contents', async () => {
    const rookery = await harness.open();
    const { a, b } = await crew(rookery, 'a', 'b');
    const { id } = await a.votes.propose({ ...base, id: 'named-proposal' });
    await a.votes.cast({ proposal: id, choice: 'accept', reason: 'reasons' });
    await b.votes.cast({ proposal: id, choice: 'accept' });
    const mine = (await entriesOf(rookery)).filter(({ op }) => op.startsWith('votes.'));
    expect(mine.map(({ op, actor, scope }) => `${op} ${actor} ${scope}`)).toEqual([
      'votes.propose a swarm:default',
      'votes.cast a swarm:default',
      'votes.cast b swarm:default',
      'votes.decide b swarm:default',
    ]);
    expect(JSON.stringify(mine)).not.toMatch(/named-proposal|reasons|accept|Ship/);
    const labelled = await select<{ action: string }>(
      rookery,
      "SELECT action FROM audit_log WHERE category = 'consensus' AND entity_id = $1 ORDER BY seq",
      id,
    );
    expect(labelled.map(({ action }) => action)).toEqual([
      ...['consensus_requested', 'vote_cast', 'vote_cast', 'consensus_decided'],
    ]);
  });

  it('finds every change behind its back [A4]', async () => {
    const rookery = await harness.open();
    const { a, b } = await crew(rookery, 'a', 'b', 'c');
    const electorate = [{ agent: 'a', weight: 2 }, { agent: 'b' }, { agent: 'c' }];
    for (const id of ['done', 'open'])
      await a.votes.propose({ ...base, id, electorate, data: 1, strategy: 'majority' });
    for (const view of [a, b]) await view.votes.cast({ proposal: 'done', choice: 'accept', reason: 'r' });
    await b.votes.cast({ proposal: 'open', choice: 'reject' });
    const done = "id = 'done'";
    const edits: [table: string, change: string, where: string][] = [
      ['proposals', "decision = 'reject'", done],
      ['proposals', "state = 'cancelled', decision = NULL", done],
      ['proposals', "state = 'open', decision = NULL, ended_at = NULL", done],
      ['proposals', "state = 'decided', decision = 'reject', ended_at = 1", "id = 'open'"],
      ['proposals', 'accepted = 2', done],
      ['proposals', 'weight_total = 5', done],
      ['proposals', 'quorum_numerator = 2', done],
      ['proposals', "strategy = 'simple'", done],
      ['proposals', 'threshold_numerator = 1, threshold_denominator = 3', "id = 'open'"],
      ['proposals', 'revisable = 1', "id = 'open'"],
      ['proposals', 'deadline_ms = deadline_ms + 1', "id = 'open'"],
      ['proposals', "electorate_hash = 'x'", done],
      ['proposals', "owner = 'b'", done],
      ['proposals', "scope = 'project'", done],
      ['proposals', "value = '{}'", done],
      ['electors', 'weight = 3', "proposal_id = 'done' AND agent_id = 'a'"],
      ['electors', "agent_id = 'd'", "proposal_id = 'open' AND agent_id = 'c'"],
      ['ballots', "choice = 'reject'", "proposal_id = 'done' AND agent_id = 'b'"],
      ['ballots', "choice = 'accept'", "proposal_id = 'open' AND agent_id = 'b'"],
      ['ballots', 'cast_at = cast_at - 1', "proposal_id = 'open' AND agent_id = 'b'"],
      ['ballots', 'revision = 2', "proposal_id = 'open' AND agent_id = 'b'"],
      ['ballots', "value = '{}'", "proposal_id = 'done' AND agent_id = 'b'"],
      ['ballots', "agent_id = 'c'", "proposal_id = 'open' AND agent_id = 'b'"],
    ];
    for (const [table, change, where] of edits) {
      const columns = change.replaceAll(/ = [^,]*/g, '').split(', ');
      const [before] = await select<Record<string, never>>(rookery, `SELECT * FROM ${table} WHERE ${where}`);
      await execute(rookery, `UPDATE ${table} SET ${change} WHERE ${where}`);
      const { ok } = await rookery.audit.verify();
      expect(ok, `${table} ${change}`).toBe(false);
      const undo = columns.map((column, i) => `${column} = $${i + 1}`).join(', ');
      const moved = /^agent_id = ('.')$/.exec(change)?.[1];
      const place = moved ? where.replace(/agent_id = '.'/, `agent_id = ${moved}`) : where;
      await execute(
        rookery,
        `UPDATE ${table} SET ${undo} WHERE ${place}`,
        ...columns.map((column) => before![column]!),
      );
      expect(await rookery.audit.verify(), `undone ${change}`).toMatchObject({ ok: true });
    }
    await execute(rookery, "DELETE FROM ballots WHERE proposal_id = 'open'");
    expect((await rookery.audit.verify()).findings.map(({ kind }) => kind)).toContain('state-missing');
    expect((await a.votes.recount({ proposal: 'open' }))?.matches).toBe(false);
  });
}
