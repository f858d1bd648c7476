import { onEveryEngine } from '../engines/index.ts';
import { kernelSuite } from './kernel.ts';
import { migrationSuite } from './migrations.ts';

onEveryEngine('kernel', kernelSuite, { standIn: true });
onEveryEngine('migrations', migrationSuite, { standIn: true });
