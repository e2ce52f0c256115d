import type { Verb, VerbGroup } from '../verb.ts';
import { backupVerb } from './backup.ts';
import { checkVerb } from './check.ts';
import { configVerbs } from './config.ts';
import { copyVerb } from './copy.ts';
import { downloadVerb } from './download.ts';
import { jobsVerbs } from './jobs.ts';
import { keygenVerb } from './keygen.ts';
import { listVerb } from './list.ts';
import { notifyVerbs } from './notify.ts';
import { pinVerb, unpinVerb } from './pin.ts';
import { pruneVerb } from './prune.ts';
import { restoreVerb } from './restore.ts';
import { scheduleVerbs } from './schedule.ts';
import { serveVerb } from './serve.ts';
import { showVerb } from './show.ts';
import { tokenVerbs } from './token.ts';
import { upVerb } from './up.ts';
import { verifyVerb } from './verify.ts';
import { workerVerb } from './worker.ts';

/** Every command, in the order of the help. */
export const verbs: readonly (Verb | VerbGroup)[] = [
  upVerb,
  serveVerb,
  workerVerb,
  backupVerb,
  restoreVerb,
  verifyVerb,
  copyVerb,
  listVerb,
  showVerb,
  downloadVerb,
  pruneVerb,
  pinVerb,
  unpinVerb,
  scheduleVerbs,
  jobsVerbs,
  checkVerb,
  configVerbs,
  notifyVerbs,
  tokenVerbs,
  keygenVerb,
];
