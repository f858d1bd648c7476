import type { WriteContext } from '../../kernel/context.ts';
import type { Erasure, SealedTable } from '../../kernel/vault/sealed.ts';
import type { Work } from '../../kernel/work.ts';
import { ballotBindingOf, dropWords, hasVoted } from './casting.ts';
import { bindingOf } from './proposals.ts';
import { forget } from './pruning.ts';
import {
  dropProposal,
  electorOf,
  type ProposalRow,
  proposalById,
  proposalsIn,
  proposalsOf,
  votedOnBy,
} from './statements.ts';

/** What is said of proposals, and what electors say beside their choice. */
export const sealedTables: readonly SealedTable[] = [
  {
    table: 'proposals',
    column: 'sealed',
    key: { id: '' },
    columns: { scope: 't.scope' },
    binding: (row) => bindingOf({ id: String(row['id']), scope: String(row['scope']) }),
  },
  {
    table: 'ballots',
    column: 'sealed',
    key: { proposal_id: '', agent_id: '' },
    columns: { scope: 'p.scope', revision: 't.revision' },
    join: 'LEFT JOIN proposals p ON p.project_id = t.project_id AND p.id = t.proposal_id',
    binding: (row) =>
      ballotBindingOf(
        { id: String(row['proposal_id']), scope: String(row['scope']) },
        { agent_id: String(row['agent_id']), revision: Number(row['revision']) },
      ),
  },
];

const pageSize = 100;

/**
 * Votes in the subject's own audiences go whole, and those it proposed elsewhere when all it owns is to go. A ballot in
 * somebody else's vote goes on counting, and loses its reason.
 */
export const erasures: readonly Erasure[] = [
  {
    noun: 'votes',
    *erase(context, { agent, scopes, owned }) {
      let erased = 0;
      for (const scope of scopes) {
        erased += yield* eachPage(
          (after) => proposalsIn(context.project, scope, after, pageSize),
          (row) => dropProposal(context.project, row.id),
        );
      }
      if (!owned) return erased;
      erased += yield* eachPage(
        (after) => proposalsOf(context.project, agent, after, pageSize),
        (row) => forget(context, row, { deleted: 1, erased: 1 }),
      );
      return erased + (yield* eraseReasons(context, agent));
    },
  },
];

function* eachPage(
  pageAfter: (id: string) => Work<ProposalRow[]>,
  act: (row: ProposalRow) => Work<unknown>,
): Work<number> {
  let [count, after] = [0, ''];
  for (;;) {
    const rows = yield* pageAfter(after);
    for (const row of rows) yield* act(row);
    count += rows.length;
    if (rows.length < pageSize) return count;
    after = rows.at(-1)!.id;
  }
}

function* eraseReasons(context: WriteContext, agent: string): Work<number> {
  let [count, after] = [0, ''];
  for (;;) {
    const ids = yield* votedOnBy(context.project, agent, after, pageSize);
    for (const id of ids) {
      const proposal = (yield* proposalById(context.project, id))!;
      const own = (yield* electorOf(context.project, id, agent))!;
      if (hasVoted(own)) yield* dropWords(context, proposal, own);
    }
    count += ids.length;
    if (ids.length < pageSize) return count;
    after = ids.at(-1)!;
  }
}
