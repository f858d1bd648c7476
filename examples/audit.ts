/** Proof of what was done, checked without the database. Run: node examples/audit.ts */
import { verifyReceipt } from '../src/doors/verify/index.ts';
import { openRookery } from '../src/index.ts';

await using rookery = await openRookery({ path: ':memory:' });
const { seq } = await rookery.as('coder-1').memory.set({ key: 'release', value: 'v1.0' });

const receipt = await rookery.audit.proof({ seq });
const { verifierKey } = await rookery.audit.key();
const { entry, proof } = receipt!;
console.log('entry   ', JSON.parse(entry).op, 'by', JSON.parse(entry).actor);
console.log('valid   ', verifyReceipt({ entry, proof, verifierKey }).valid);
console.log(
  'forged  ',
  verifyReceipt({ entry: entry.replace('coder-1', 'coder-2'), proof, verifierKey }).valid,
);
console.log('verified', (await rookery.audit.verify()).ok);
