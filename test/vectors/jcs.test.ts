import { expect, it } from 'vitest';
import { canonicalJson } from '../../src/kernel/json.ts';
import { describeVectors, vectorText } from '../support/vectors.ts';

const names = ['arrays', 'french', 'structures', 'unicode', 'values', 'weird'];

/** The published numbers: their bits, and the text they must have. */
function numbers(): { value: number; text: string }[] {
  const view = new DataView(new ArrayBuffer(8));
  return vectorText('jcs/es6-numbers-1000.txt')
    .trim()
    .split('\n')
    .map((line) => {
      const [bits, text] = line.split(',') as [string, string];
      view.setBigUint64(0, BigInt(`0x${bits}`));
      return { value: view.getFloat64(0), text };
    });
}

describeVectors('canonical JSON (RFC 8785)', () => {
  it.each(names)('writes %s as published [A1]', (name) => {
    const canonical = canonicalJson(JSON.parse(vectorText(`jcs/input/${name}.json`)));
    expect(canonical).toBe(vectorText(`jcs/output/${name}.json`));
    const bytes = vectorText(`jcs/outhex/${name}.txt`).trim().split(/\s+/).join('');
    expect(Buffer.from(canonical).toString('hex')).toBe(bytes);
  });

  it('writes 1,000 numbers as published [A1]', () => {
    const published = numbers();
    expect(published).toHaveLength(1000);
    expect(published.filter(({ value, text }) => canonicalJson(value) !== text)).toEqual([]);
  });

  it('would notice members in the order of writing, or numbers in another form [A1 sabotage]', () => {
    expect(JSON.stringify(JSON.parse(vectorText('jcs/input/weird.json')))).not.toBe(
      vectorText('jcs/output/weird.json'),
    );
    const exponential = numbers().filter(({ value, text }) => value.toExponential() !== text);
    expect(exponential).not.toEqual([]);
  });
});
