import { includesRole } from '../../shared/config/access-schema.ts';
import { BackupDataError, type ErrorCode } from '../../shared/errors.ts';
import { databaseOf, isBackupId } from '../../shared/ids.ts';
import {
  type Call,
  contract,
  followRole,
  type OperationName,
  type Operations,
  type RequestOf,
} from '../operations/contract.ts';
import type { Audit, AuditEntry, Origin, Principal } from './access.ts';
import type { Limits } from './limits.ts';
import { sees } from './principal.ts';

interface Options {
  operations: Operations;
  principal: Principal;
  origin: Origin;
  audit: Audit;
  beginToFollow: Limits['beginToFollow'];
  /** Whether the token of the principal counts still. */
  isKnown: () => boolean;
}

/**
 * The operations as one principal may use them: FORBIDDEN where its role does not allow it. What it may not know of is answered as
 * if it was not there. Whatever changes something, and every refusal, is in the audit log.
 */
export function guard(options: Options): Operations {
  const { operations } = options;
  const names = Object.keys(contract) as OperationName[];
  const guarded = names.map((name) => [name, guardOne(options, name)]);
  return {
    ...(Object.fromEntries(guarded) as Omit<Operations, 'follow'>),
    follow: async function* (request, call) {
      await audited(options, { what: 'follow', request, isChange: false }, async () => {
        requireRole(options.principal, followRole, 'follow');
        await requireSight(options, request, call);
      });
      const end = options.beginToFollow(options.principal.name);
      try {
        for await (const update of operations.follow(request, call)) {
          if (!options.isKnown()) throw revoked(options.principal);
          yield update;
        }
      } finally {
        end();
      }
    },
  };
}

function guardOne(options: Options, name: OperationName) {
  const { operations, principal } = options;
  const { role } = contract[name];
  const run = operations[name] as (request: unknown, call: Call) => Promise<Answer>;
  return (request: RequestOf<OperationName>, call: Call): Promise<Answer> =>
    audited(options, { what: name, request, isChange: role !== 'viewer' }, async () => {
      requireRole(principal, role, name);
      await requireSight(options, request, call);
      return run(request, call).catch((error: unknown) => {
        throw principal.databases === null ? error : withoutNames(error);
      });
    });
}

/** What takes long must not outlive the token that it was asked for with. */
function revoked({ name }: Principal): BackupDataError {
  return new BackupDataError(
    'UNAUTHENTICATED',
    `the token ${name} is not one of this installation any more`,
    {
      hint: 'Use another token.',
    },
  );
}

type Answer = Record<string, unknown>;

function requireRole(
  { name, role }: Principal,
  wanted: (typeof contract)[OperationName]['role'],
  what: string,
): void {
  if (includesRole(role, wanted)) return;
  throw new BackupDataError(
    'FORBIDDEN',
    `${what} takes the role ${wanted}, and the token ${name} has ${role}`,
    {
      hint: 'Use a token with that role.',
    },
  );
}

/** Throws what a name that is not there is answered with, where the request names something that the principal does not see. */
async function requireSight(
  { operations, principal }: Options,
  request: Partial<Record<string, unknown>>,
  call: Call,
): Promise<void> {
  if (principal.databases === null) return;
  const {
    backup,
    database,
    name,
    target,
    names = [],
    jobId,
    targetDatabase,
    create,
    globals,
  } = request as Named;
  if (backup !== undefined && !sees(principal, isBackupId(backup) ? databaseOf(backup) : backup))
    throw notThere('BACKUP_NOT_FOUND', `there is no backup "${backup}"`);
  const unseen = [database, name, target, ...names].find(
    (each) => each !== undefined && !sees(principal, each),
  );
  if (unseen !== undefined) throw notThere('DATABASE_UNKNOWN', `there is no database "${unseen}"`);
  if (jobId !== undefined && !(await seesJob(operations, principal, { jobId, call })))
    throw notThere('JOB_NOT_FOUND', `there is no job "${jobId}"`);
  if (targetDatabase !== undefined && create !== true) throw notItsOwn(principal);
  if (globals === true) throw wholeServer(principal);
}

/** The server of a database has others too, of which no name of the configuration tells whether the principal may touch them. */
function notItsOwn({ name }: Principal): BackupDataError {
  return new BackupDataError(
    'FORBIDDEN',
    `the token ${name} is limited to some databases, and restores to another database or file only where it makes it`,
    {
      hint: 'Set `create`, or leave `targetDatabase` out to restore to the configured database itself.',
    },
  );
}

function wholeServer({ name }: Principal): BackupDataError {
  return new BackupDataError(
    'FORBIDDEN',
    `the token ${name} is limited to some databases, and globals are of the whole server`,
    { hint: 'Leave `globals` out, or use a token that is not limited.' },
  );
}

/** How requests name what they are about. */
interface Named {
  backup?: string;
  database?: string;
  name?: string;
  target?: string;
  names?: readonly string[];
  jobId?: string;
  targetDatabase?: string;
  create?: boolean;
  globals?: boolean;
}

async function seesJob(
  operations: Operations,
  principal: Principal,
  { jobId, call }: { jobId: string; call: Call },
): Promise<boolean> {
  try {
    const { job } = await operations.showJob({ jobId }, call);
    const { database, backupId } = job;
    const owner = backupId !== null && isBackupId(backupId) ? databaseOf(backupId) : null;
    const about = [database, owner].filter((name) => name !== null);
    return about.length > 0 && about.every((name) => sees(principal, name));
  } catch (error) {
    throw withoutNames(error);
  }
}

/** What such an error says of other names is not for who may see only some. */
function withoutNames(error: unknown): unknown {
  if (!(error instanceof BackupDataError)) return error;
  const { code, message } = error;
  const named = /"([^"]*)"/.exec(message)?.[1];
  const what = things[code];
  return what === undefined || named === undefined ? error : notThere(code, `there is no ${what} "${named}"`);
}

const things: Partial<Record<ErrorCode, string>> = {
  DATABASE_UNKNOWN: 'database',
  BACKUP_NOT_FOUND: 'backup',
  JOB_NOT_FOUND: 'job',
};

function notThere(code: ErrorCode, message: string): BackupDataError {
  return new BackupDataError(code, message, {
    hint: 'The token may be limited to some databases; see `databases` of `auth.tokens`.',
  });
}

/** Runs it, and records how it ended where that is for the audit log. */
async function audited<T>(
  { principal, origin, audit }: Options,
  { what, request, isChange }: { what: string; request: object; isChange: boolean },
  run: () => Promise<T>,
): Promise<T> {
  const record = (outcome: AuditEntry['outcome'], code: string | null, answer?: object): void =>
    audit.record({
      who: principal.name,
      role: principal.role,
      what,
      about: { ...namesIn(request), ...namesIn(answer ?? {}) },
      face: origin.face,
      from: origin.address,
      outcome,
      code,
    });
  try {
    const answer = await run();
    if (isChange) record('done', null, answer as object);
    return answer;
  } catch (error) {
    const code = error instanceof BackupDataError ? error.code : 'INTERNAL';
    if (code === 'FORBIDDEN') record('refused', code);
    else if (isChange) record('failed', code);
    throw error;
  }
}

const nameLike = [
  'backup',
  'backupId',
  'database',
  'targetDatabase',
  'name',
  'target',
  'storage',
  'to',
  'level',
  'jobId',
  'retryOf',
];

/** The names and ids of a request or an answer; nothing else of it. */
function namesIn(value: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(value).filter(
      (entry): entry is [string, string] => nameLike.includes(entry[0]) && typeof entry[1] === 'string',
    ),
  );
}
