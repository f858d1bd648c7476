import { onEveryEngine } from '../engines/index.ts';
import { mailSuite } from './mail.ts';

onEveryEngine('mail', mailSuite);
