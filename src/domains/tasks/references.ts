import { z } from 'zod';
import { levelOf, scopeFor } from '../../kernel/access/model.ts';
import { Denial, type ReadContext, type Subject, type WriteContext } from '../../kernel/context.ts';
import { RookeryError } from '../../kernel/errors.ts';
import * as schema from '../../kernel/schema.ts';
import type { Work } from '../../kernel/work.ts';
import { type ArtifactRow, addArtifact, artifactById } from './artifact-statements.ts';
import { encodeMetadata, isSealed } from './contents.ts';
import { seen } from './records.ts';

/**
 * An *artifact* is a reference to something that was made: where it lies, how large it is and its hash. What it refers
 * to is kept elsewhere. A task's artifacts belong to its audience unless told otherwise.
 */
export const types = [
  'code',
  'documentation',
  'test',
  'config',
  'binary',
  'data',
  'model',
  'report',
  'other',
] as const;

const place = z
  .string('text')
  .min(1, 'must not be empty')
  .max(4096, 'at most 4096 characters')
  .refine((value) => value.isWellFormed(), 'must be well-formed Unicode')
  .refine((text) => !text.includes('\0'), 'no NUL characters');

/** What `complete` takes for each artifact, and `add` beside the task. */
export const described = {
  id: schema.name.optional().describe('Chosen by the store when left out'),
  name: schema.name.describe('A name in clear, for people'),
  type: z
    .enum(types, `one of ${types.join(', ')}`)
    .default('other')
    .describe('What kind of thing'),
  path: place.optional().describe('Where it lies in a file system'),
  url: place.optional().describe('Where it lies on a network'),
  s3Path: place.optional().describe('Where it lies in an object store'),
  sha256: z
    .string('text')
    .regex(/^[0-9a-f]{64}$/, '64 hexadecimal digits in lower case')
    .optional()
    .describe('Of its content'),
  sizeBytes: z.int('a whole number').min(0, 'at least 0').optional().describe('Of its content'),
  metadata: z.record(z.string(), z.unknown(), 'a JSON object').default({}).describe('Kept as given'),
};

export const artifactInput = z.strictObject(described);
export type ArtifactInput = z.output<typeof artifactInput>;

export const type = z.enum(types, `one of ${types.join(', ')}`);

export const artifact = z.object({
  id: z.string(),
  task: z.string().nullable(),
  name: z.string(),
  type: z.string(),
  path: z.string().nullable(),
  url: z.string().nullable(),
  s3Path: z.string().nullable(),
  sha256: z.string().nullable(),
  sizeBytes: z.int().nullable(),
  metadata: z.record(z.string(), z.unknown()),
  level: schema.level,
  scope: z.string(),
  owner: z.string(),
  createdAt: z.int(),
  seq: z.int(),
});
export type Artifact = z.output<typeof artifact>;

export function subjectOf({ id, scope }: Pick<ArtifactRow, 'id' | 'scope'>): Subject {
  return { kind: 'artifact', name: id, scope };
}

/** What lies in the clear columns at open levels, and sealed at the others. */
interface Hidden {
  readonly s3_path: string | null;
  readonly local_path: string | null;
  readonly url: string | null;
  readonly sha256: string | null;
  readonly metadata: string;
}

export function bindingOf({ id, scope }: Pick<ArtifactRow, 'id' | 'scope'>) {
  return { table: 'artifacts', record: id, scope, revision: 0 };
}

function* hiddenIn(context: ReadContext, row: ArtifactRow): Work<Hidden> {
  if (row.sealed === null) {
    const { s3_path, local_path, url, sha256, metadata } = row;
    return { s3_path, local_path, url, sha256, metadata };
  }
  return JSON.parse(yield* context.open({ value: null, sealed: row.sealed }, bindingOf(row))) as Hidden;
}

/** The text that the entry of an artifact commits to. */
export function* contentText(context: ReadContext, row: ArtifactRow): Work<string> {
  const { s3_path, local_path, url, sha256, metadata } = yield* hiddenIn(context, row);
  return JSON.stringify([
    [row.task_id, row.type, row.name, row.owner, row.created_at, row.size_bytes],
    [s3_path, local_path, url, sha256, metadata],
  ]);
}

export interface Placed {
  readonly task?: string | undefined;
  readonly level?: Parameters<typeof scopeFor>[1] | undefined;
  readonly audience?: string | undefined;
}

/** Records a reference for the audience of its task, or for the one that was named. */
export function* addReference(
  context: WriteContext,
  input: ArtifactInput,
  { task, level, audience }: Placed,
): Work<ArtifactRow> {
  const identity = yield* context.identity();
  const of = task === undefined ? undefined : yield* seen(context, task);
  const scope = of && level === undefined ? of.scope : scopeFor(identity, level ?? 'project', audience);
  const id = input.id ?? context.newId('art');
  const guarded = { scope, owner: '', path: id };
  if (!(yield* context.may(identity, 'write', 'artifacts', guarded)))
    throw new Denial(
      'FORBIDDEN',
      `${context.agent} may not add artifacts for this audience`,
      subjectOf({ id, scope }),
      { level: levelOf(scope) },
    );
  return yield* insertArtifact(context, { ...input, id }, { task: task ?? null, scope });
}

/** The row and its entry; the caller has checked the right. */
export function* insertArtifact(
  context: WriteContext,
  input: ArtifactInput,
  { task, scope }: { readonly task: string | null; readonly scope: string },
): Work<ArtifactRow> {
  const id = input.id ?? context.newId('art');
  const hidden: Hidden = {
    s3_path: input.s3Path ?? null,
    local_path: input.path ?? null,
    url: input.url ?? null,
    sha256: input.sha256 ?? null,
    metadata: encodeMetadata(input.metadata),
  };
  const row: ArtifactRow = {
    id,
    task_id: task,
    type: input.type,
    name: input.name,
    size_bytes: input.sizeBytes ?? null,
    level: levelOf(scope),
    scope,
    owner: context.agent,
    seq: 0,
    created_at: context.now,
    ...(yield* storeHidden(context, { id, scope }, hidden)),
  };
  const content = yield* contentText(context, row);
  row.seq = yield* context.record(subjectOf(row), {
    operation: 'artifacts.add',
    revision: [0, 1],
    content,
  });
  if ((yield* addArtifact(context.project, row)) !== 1)
    throw new RookeryError('REVISION_CONFLICT', `there is an artifact ${id} already`, { artifact: id });
  return row;
}

function* storeHidden(
  context: WriteContext,
  of: Pick<ArtifactRow, 'id' | 'scope'>,
  hidden: Hidden,
): Work<Hidden & Pick<ArtifactRow, 'sealed'>> {
  if (!isSealed(of.scope)) return { ...hidden, sealed: null };
  const { sealed } = yield* context.seal(JSON.stringify(hidden), true, bindingOf(of));
  return { s3_path: null, local_path: null, url: null, sha256: null, metadata: '{}', sealed };
}

/** The artifact, when the caller may see it. Absent and forbidden are one answer. */
export function* readableArtifact(context: ReadContext, id: string): Work<ArtifactRow | undefined> {
  const identity = yield* context.identity();
  const row = yield* artifactById(context.project, id);
  if (!row) return undefined;
  const { scope, owner } = row;
  if (yield* context.may(identity, 'read', 'artifacts', { scope, owner, path: id })) return row;
  context.noteDenial(subjectOf(row));
  return undefined;
}

export function* shownArtifact(context: ReadContext, row: ArtifactRow): Work<Artifact> {
  const hidden = yield* hiddenIn(context, row);
  return {
    id: row.id,
    task: row.task_id,
    name: row.name,
    type: row.type,
    path: hidden.local_path,
    url: hidden.url,
    s3Path: hidden.s3_path,
    sha256: hidden.sha256,
    sizeBytes: row.size_bytes,
    metadata: JSON.parse(hidden.metadata),
    level: levelOf(row.scope),
    scope: row.scope,
    owner: row.owner,
    createdAt: row.created_at,
    seq: row.seq,
  };
}
