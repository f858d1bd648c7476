import { dirname, join, normalize } from 'node:path';
import { type Finding, linesMatching, type Rule, type SourceFile } from './files.ts';

const lengthMax = 400;

export const fileLength: Rule = (files) =>
  files.flatMap(({ path, text }) => {
    const lines = text.split('\n').length - 1;
    return lines > lengthMax ? [{ path, line: lines, message: `${lines} lines, at most ${lengthMax}` }] : [];
  });

/** Doors use domains, domains use the kernel, never back. Domains reach each other through operations only. */
export const importDirection: Rule = (files) =>
  imports(files).flatMap(({ path, line, target }) => {
    const [from, to] = [placeOf(path), placeOf(target)];
    const up = from.floor < to.floor;
    const sideways =
      from.kind === 'domains' &&
      to.kind === 'domains' &&
      from.name !== to.name &&
      !target.endsWith('/operations.ts');
    const betweenDoors =
      from.name !== starter &&
      from.kind === 'doors' &&
      to.kind === 'doors' &&
      from.name !== to.name &&
      !sharedDoors.has(to.name);
    const intoEngine =
      /kernel\/engines\//.test(target) &&
      !/kernel\/engines\//.test(path) &&
      path !== 'src/rookery.ts' &&
      from.kind !== 'doors';
    if (!up && !sideways && !betweenDoors && !intoEngine) return [];
    return [{ path, line, message: `must not import ${target}` }];
  });

/** Spelling is common to all doors; the squawk and http doors share a port, the cli starts the others. */
const sharedDoors = new Set(['naming.ts', 'http', 'client']);
/** The command line starts the other doors. */
const starter = 'cli';

function placeOf(path: string): { floor: number; kind: string; name: string } {
  const [, kind = '', name = ''] = path.split('/');
  const floor = { kernel: 0, domains: 1 }[kind] ?? (kind === 'operations.ts' ? 2 : kind === 'doors' ? 4 : 3);
  // The composition root and what stands beside it may use everything but the doors.
  return { floor, kind, name };
}

export const importCycles: Rule = (files) => {
  const graph = new Map<string, { target: string; line: number }[]>();
  for (const { path, line, target, typeOnly } of imports(files)) {
    if (typeOnly) continue;
    graph.set(path, [...(graph.get(path) ?? []), { target, line }]);
  }
  const findings: Finding[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      const cycle = [...trail.slice(trail.indexOf(path)), path];
      findings.push({ path, line: 1, message: `import cycle ${cycle.join(' → ')}` });
      return;
    }
    if (done.has(path)) return;
    for (const { target } of graph.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const { path } of files) visit(path, []);
  return findings;
};

const bannedNames =
  /(manager|handler|processor|helper|util|common|misc|enhanced|unified|optimized|(?:^|[a-z])v2)(?![a-z])/i;

/** Files, classes and functions are named for what they are. The seeds' own class names live in their doors. */
export const names: Rule = (files) =>
  files
    .filter(({ path }) => !/doors\/(claude-flow|squawk|context-dna|tier2)\//.test(path))
    .flatMap(({ path, text }) => {
      const found: Finding[] = bannedNames.test(path)
        ? [{ path, line: 1, message: 'file name says nothing' }]
        : [];
      text.split('\n').forEach((content, i) => {
        const name = /^(?:export )?(?:abstract )?(?:class|function\*?|interface|type) (\w+)/.exec(
          content,
        )?.[1];
        if (name && bannedNames.test(name))
          found.push({ path, line: i + 1, message: `name says nothing: ${name}` });
      });
      return found;
    });

/** `any` is the linter's to find. */
export const hiddenTypeErrors: Rule = (files) =>
  linesMatching(files, /@ts-(ignore|nocheck|expect-error)/, 'a type error that is hidden');

/** Time and randomness come in as arguments. */
export const hiddenInputs: Rule = (files) =>
  linesMatching(
    files.filter(({ path }) => /src\/(kernel|domains)\//.test(path) && !path.endsWith('kernel/clock.ts')),
    /\bDate\.now\(|new Date\(\)|Math\.random\(|randomUUID\(|process\.env|\bconsole\./,
    'hidden input or output',
  );

/** SQL stands in statements files, engines, migrations and the few kernel files that own a table. */
export const sqlPlaces: Rule = (files) =>
  linesMatching(
    files.filter(
      ({ path }) =>
        path.startsWith('src/') &&
        !/statements\.ts$|kernel\/(engines|migrations|ledger|access|live)\/|kernel\/(idempotency|commit)\.ts$/.test(
          path,
        ) &&
        !/doors\/squawk\//.test(path),
    ),
    /\b(SELECT \w|INSERT INTO \w|UPDATE \w+ SET|DELETE FROM \w)/,
    'SQL outside statements.ts',
  );

export const unfinished: Rule = (files) => linesMatching(files, /\b(TODO|FIXME|XXX|HACK)\b/, 'unfinished');

export const weakTests: Rule = (files) =>
  linesMatching(
    files.filter(({ path }) => path.startsWith('test/') && !path.startsWith('test/tidy')),
    /vi\.mock\(|ioredis-mock|\b(it|test|describe)\.(only|todo)\b|setTimeout\(\w+, \d{3,}\)\)/,
    'a test that proves little',
  );

export const restatingComments: Rule = (files) =>
  linesMatching(
    files.filter(({ path }) => path.startsWith('src/')),
    /^\s*(\/\*\*|\/\/|\*) (Gets|Sets|Creates|Initiali[sz]es|This (function|method|class))\b/,
    'a comment that restates',
  );

interface Import {
  readonly path: string;
  readonly line: number;
  readonly target: string;
  readonly typeOnly: boolean;
}

function imports(files: readonly SourceFile[]): Import[] {
  return files.flatMap(({ path, text }) => {
    const found: Import[] = [];
    const pattern = /^(?:import|export) (type )?([^;]*?)from '(\.[^']+)';/gms;
    for (const match of text.matchAll(pattern)) {
      const line = text.slice(0, match.index).split('\n').length;
      const target = normalize(join(dirname(path), match[3]!));
      const members = match[2]!.trim();
      // `import { type A, type B }` is erased as well.
      const allTypes =
        /^\{[^}]*\}\s*$/s.test(members) &&
        splitMembers(members).every((member) => member.startsWith('type '));
      found.push({ path, line, target, typeOnly: match[1] !== undefined || allTypes });
    }
    return found;
  });
}

function splitMembers(members: string): string[] {
  return members
    .replace(/[{}]/g, '')
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '');
}
