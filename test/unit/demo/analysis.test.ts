import { describe, expect, it } from 'vitest';
import { analyse } from '../../../src/doors/cli/demo/analysis.ts';
import { Casualties } from '../../../src/doors/cli/demo/casualties.ts';
import { keyOf, resourceOf } from '../../../src/doors/cli/demo/protocol.ts';
import { parseIndex } from '../../../src/doors/cli/demo/repository.ts';

const read = (file: string, text: string) => analyse(file, Buffer.from(text));

describe('the analysis of a file', () => {
  it('counts lines, blank lines and comments of a language with braces, and finds its longest function', () => {
    const text = `import { a } from './a.ts';
import b from "b";

/**
 * Adds.
 */
export function add(x: number, y: number): number {
  const text = '}';
  return x + y;
}
// one line
const short = () => {
  return 1;
};
`;
    expect(read('src/add.ts', text)).toMatchObject({
      language: 'TypeScript',
      lines: 14,
      blank: 1,
      comments: 4,
      imports: ['./a.ts', 'b'],
      longest: { line: 7, lines: 4 },
      sensitive: false,
    });
  });

  it('ends a function of a language without braces where the indentation ends', () => {
    const text =
      'import os\nfrom a.b import c\n\ndef f():\n    x = 1\n\n    return x\n\ndef g():\n    pass\n';
    expect(read('f.py', text)).toMatchObject({ imports: ['os', 'a.b'], longest: { line: 4, lines: 4 } });
  });

  it('reads the headings of Markdown, not those inside fenced code', () => {
    expect(read('README.md', '# One\n\n```sh\n# no heading\n```\n## Two ##\n').headings).toEqual([
      'One',
      'Two',
    ]);
  });

  it('notices files that speak of credentials', () => {
    expect(read('a.env', 'API_KEY=x').sensitive).toBe(true);
    expect(read('a.txt', 'tokenizer').sensitive).toBe(false);
  });

  it('hashes and does not read what is no text', () => {
    expect(analyse('logo.png', Buffer.from([1, 0, 2]))).toMatchObject({
      language: 'Binary',
      bytes: 3,
      lines: 0,
    });
  });
});

describe('names of files', () => {
  it('become keys and locks, also where they are no key and no path', () => {
    expect([keyOf('src/a.ts'), resourceOf('src/a.ts')]).toEqual(['src/a.ts', { path: 'src/a.ts' }]);
    expect(keyOf('a\nb')).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(keyOf('x'.repeat(600))).toMatch(/^sha256:/);
    expect(resourceOf('dir./a')).toEqual({ names: ['dir./a'] });
  });

  it('come from the index of git, without links and other repositories', () => {
    const listing = [
      '100644 aa 0\tsrc/a b.ts',
      '120000 bb 0\tlink',
      '160000 cc 0\tmodule',
      '100755 dd 0\trun',
      '',
    ];
    expect(parseIndex(listing.join('\0'))).toEqual([
      { file: 'src/a b.ts', blob: 'aa' },
      { file: 'run', blob: 'dd' },
    ]);
  });
});

describe('casualties', () => {
  it.each([1, 2, 9, 30, 400])('one worker dies at each stage, with %i files', (files) => {
    const casualties = new Casualties(files);
    const decided = Array.from({ length: files + 3 }, () => casualties.decide());
    expect(decided.filter((stage) => stage !== undefined)).toEqual(['locked', 'stored', 'reported']);
  });
});
