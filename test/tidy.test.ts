import { describe, expect, it } from 'vitest';
import { filesUnder, type Rule, type SourceFile } from './tidy/files.ts';
import * as rules from './tidy/rules.ts';

const source = filesUnder('src', 'bin');
const all = filesUnder('src', 'bin', 'test', 'bench', 'examples', 'tools');

/** Each rule with the files it reads and a violation it must find: a rule that never fires checks nothing. */
const cases: [name: string, rule: Rule, files: SourceFile[], planted: SourceFile[]][] = [
  ['files stay small', rules.fileLength, all, [{ path: 'src/a.ts', text: '\n'.repeat(401) }]],
  [
    'imports go down',
    rules.importDirection,
    source,
    [{ path: 'src/kernel/a.ts', text: "import { x } from '../domains/memory/model.ts';" }],
  ],
  [
    'no import cycle',
    rules.importCycles,
    source,
    [
      { path: 'src/a.ts', text: "import { b } from './b.ts';" },
      { path: 'src/b.ts', text: "import { a } from './a.ts';" },
    ],
  ],
  [
    'names say what things are',
    rules.names,
    all,
    [{ path: 'src/a.ts', text: 'export class StoreManager {' }],
  ],
  [
    'no type error is hidden',
    rules.hiddenTypeErrors,
    all.filter(({ path }) => !path.startsWith('test/tidy')),
    [{ path: 'src/a.ts', text: '// @ts-ignore' }],
  ],
  [
    'time and randomness come in',
    rules.hiddenInputs,
    source,
    [{ path: 'src/kernel/a.ts', text: 'Date.now()' }],
  ],
  [
    'SQL stands in its place',
    rules.sqlPlaces,
    source,
    [{ path: 'src/domains/a/b.ts', text: 'SELECT a FROM b' }],
  ],
  [
    'nothing unfinished',
    rules.unfinished,
    all.filter(({ path }) => !path.startsWith('test/tidy')),
    [{ path: 'src/a.ts', text: '// TODO' }],
  ],
  ['tests prove something', rules.weakTests, all, [{ path: 'test/a.test.ts', text: "vi.mock('x')" }]],
  [
    'comments do not restate',
    rules.restatingComments,
    source,
    [{ path: 'src/a.ts', text: '// Gets the value' }],
  ],
];

describe('tidy', () => {
  it.each(cases)('%s', (_, rule, files, planted) => {
    expect(rule(planted)).not.toEqual([]);
    expect(rule(files).map(({ path, line, message }) => `${path}:${line} ${message}`)).toEqual([]);
  });
});
