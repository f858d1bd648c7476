import { onEveryEngine } from '../engines/index.ts';
import { auditSuite } from './audit.ts';

onEveryEngine('audit', auditSuite);
