import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AuditEntry, Principal } from '../../../../src/producer/identity/access.ts';
import { guard } from '../../../../src/producer/identity/guard.ts';
import { sees } from '../../../../src/producer/identity/principal.ts';
import {
  type Call,
  contract,
  type OperationName,
  type Operations,
} from '../../../../src/producer/operations/contract.ts';
import { type Role, roles } from '../../../../src/shared/config/access-schema.ts';
import { BackupDataError, hasCode } from '../../../../src/shared/errors.ts';

const names = Object.keys(contract) as OperationName[];

/** What each role may do, written out once more: a role that is widened by mistake must be noticed. */
const allowed: Record<Role, readonly (OperationName | 'follow')[]> = {
  viewer: [
    'listDatabases',
    'listBackups',
    'showBackup',
    'previewPrune',
    'listSchedules',
    'listJobs',
    'showJob',
    'follow',
  ],
  operator: ['pinBackup', 'backup', 'verify', 'copy', 'runSchedule', 'cancelJob'],
  admin: ['unpinBackup', 'restore', 'prune', 'pauseSchedule', 'resumeSchedule', 'retryJob'],
};

interface Bench {
  operations: Operations;
  call: Call;
  /** What came through, by the operation. */
  reached: string[];
  audited: Omit<AuditEntry, 'at'>[];
}

/** Operations that do nothing, behind the guard of somebody. */
function benchOf(
  principal: Principal,
  answers: Partial<Record<OperationName, () => unknown>> = {},
  isKnown = (): boolean => true,
): Bench {
  const reached: string[] = [];
  const audited: Bench['audited'] = [];
  const does = (name: OperationName) => async () => {
    reached.push(name);
    return answers[name]?.() ?? {};
  };
  const operations = {
    ...Object.fromEntries(names.map((name) => [name, does(name)])),
    follow: async function* () {
      reached.push('follow');
      yield {};
    },
  } as unknown as Operations;
  const audit = {
    record: (entry: Bench['audited'][number]) => void audited.push(entry),
    read: () => assert.fail(),
  };
  const origin = { face: 'rest', address: '192.0.2.7' } as const;
  return {
    operations: guard({
      operations,
      principal,
      origin,
      audit,
      beginToFollow: () => () => undefined,
      isKnown,
    }),
    call: { signal: new AbortController().signal, by: principal.name, sees: (name) => sees(principal, name) },
    reached,
    audited,
  };
}

async function ask(
  { operations, call }: Bench,
  name: OperationName | 'follow',
  request: object,
): Promise<unknown> {
  if (name === 'follow') return Array.fromAsync(operations.follow(request as { jobId: string }, call));
  return (operations[name] as (request: object, call: Call) => Promise<unknown>)(request, call);
}

const everybody = (role: Role): Principal => ({ name: role, role, databases: null, sha256: '' });

describe('a role', () => {
  for (const role of roles) {
    const may = roles.slice(0, roles.indexOf(role) + 1).flatMap((each) => allowed[each]);
    for (const name of [...names, 'follow' as const]) {
      it(`${role} ${may.includes(name) ? 'may' : 'may not'} ${name}`, async () => {
        const bench = benchOf(everybody(role));
        if (may.includes(name)) {
          await ask(bench, name, { jobId: 'x' });
          assert.deepEqual(bench.reached, [name]);
          return;
        }
        await assert.rejects(ask(bench, name, { jobId: 'x' }), (error) => hasCode(error, 'FORBIDDEN'));
        assert.deepEqual(bench.reached, []);
        const { who, what, outcome, code, from } = bench.audited[0] ?? {};
        assert.deepEqual(
          { who, what, outcome, code, from },
          { who: role, what: name, outcome: 'refused', code: 'FORBIDDEN', from: '192.0.2.7' },
        );
      });
    }
  }
});

describe('the audit log', () => {
  it('has every change with the names it was about, and no question', async () => {
    const bench = benchOf(everybody('admin'), { backup: () => ({ jobId: 'shop-1', as: 'new' }) });
    await ask(bench, 'listBackups', { database: 'shop' });
    await ask(bench, 'showJob', { jobId: 'shop-1' });
    await ask(bench, 'backup', { database: 'shop', secret: 'c4n4ry' });
    assert.deepEqual(bench.audited, [
      {
        who: 'admin',
        role: 'admin',
        what: 'backup',
        about: { database: 'shop', jobId: 'shop-1' },
        face: 'rest',
        from: '192.0.2.7',
        outcome: 'done',
        code: null,
      },
    ]);
  });

  it('has what failed, with why', async () => {
    const fail = (): never => {
      throw new BackupDataError('REDIS_UNAVAILABLE', 'away');
    };
    const bench = benchOf(everybody('admin'), { prune: fail, listBackups: fail });
    await assert.rejects(ask(bench, 'prune', {}));
    await assert.rejects(ask(bench, 'listBackups', {}));
    assert.deepEqual(
      bench.audited.map(({ what, outcome, code }) => [what, outcome, code]),
      [['prune', 'failed', 'REDIS_UNAVAILABLE']],
    );
  });
});

describe('a token that is revoked', () => {
  it('follows no job any further', async () => {
    const known = [true, false];
    const bench = benchOf(everybody('viewer'), {}, () => known.shift() ?? false);
    const { operations, call } = bench;
    assert.equal((await Array.fromAsync(operations.follow({ jobId: 'x' }, call))).length, 1);
    await assert.rejects(Array.fromAsync(operations.follow({ jobId: 'x' }, call)), (error) =>
      hasCode(error, 'UNAUTHENTICATED'),
    );
  });
});

describe('a token that is limited to some databases', () => {
  const limited: Principal = { name: 'crm', role: 'admin', databases: ['crm*', 'lab.?'], sha256: '' };
  const jobOf = (database: string | null, backupId: string | null) => ({
    showJob: () => ({ job: { database, backupId } }),
  });

  for (const [name, request] of [
    ['listDatabases', { names: ['crm', 'shop'] }],
    ['listBackups', { database: 'shop' }],
    ['showBackup', { backup: 'shop' }],
    ['showBackup', { backup: 'shop-20260102T030405Z-abc234' }],
    ['pinBackup', { backup: 'shop-20260102T030405Z-abc234' }],
    ['backup', { database: 'shop' }],
    ['backup', { database: 'lab' }],
    ['backup', { database: 'lab.10' }],
    ['restore', { backup: 'crm', database: 'shop' }],
    ['restore', { backup: 'shop', database: 'crm' }],
    ['verify', { backup: 'crm', target: 'shop' }],
    ['copy', { backup: 'shop', to: 'main' }],
    ['previewPrune', { database: 'shop' }],
    ['prune', { database: 'shop' }],
    ['listSchedules', { names: ['shop'] }],
    ['pauseSchedule', { name: 'shop' }],
  ] as const) {
    it(`does not reach ${name} with ${JSON.stringify(request)}`, async () => {
      const bench = benchOf(limited);
      await assert.rejects(ask(bench, name, request), (error) => {
        return hasCode(error, 'DATABASE_UNKNOWN') || hasCode(error, 'BACKUP_NOT_FOUND');
      });
      assert.deepEqual(bench.reached, []);
    });
  }

  it('reaches what is its own', async () => {
    const bench = benchOf(limited);
    await ask(bench, 'backup', { database: 'crm.eu' });
    await ask(bench, 'backup', { database: 'lab.1' });
    await ask(bench, 'restore', { backup: 'crm-20260102T030405Z-abc234', database: 'crm' });
    assert.deepEqual(bench.reached, ['backup', 'backup', 'restore']);
  });

  it('restores beside its own database only to what it makes, whatever the server holds already', async () => {
    const bench = benchOf(limited);
    const request = { backup: 'crm', database: 'crm', targetDatabase: 'shop' };
    for (const over of [{}, { confirm: 'shop' }, { create: false, confirm: 'shop' }])
      await assert.rejects(ask(bench, 'restore', { ...request, ...over }), (error) =>
        hasCode(error, 'FORBIDDEN'),
      );
    assert.deepEqual(bench.reached, []);
    assert.deepEqual(
      bench.audited.map(({ outcome, about }) => [outcome, about.targetDatabase]),
      Array.from({ length: 3 }, () => ['refused', 'shop']),
    );
    await ask(bench, 'restore', { ...request, create: true });
    await ask(bench, 'restore', { backup: 'crm', database: 'crm', confirm: 'crm' });
    await assert.rejects(ask(bench, 'restore', { ...request, create: true, globals: true }), (error) =>
      hasCode(error, 'FORBIDDEN'),
    );
    await ask(benchOf(everybody('admin')), 'restore', { ...request, confirm: 'shop', globals: true });
    assert.deepEqual(bench.reached, ['restore', 'restore']);
  });

  for (const [what, answers] of [
    ['of another database', jobOf('shop', null)],
    ['that works with the backup of another database', jobOf('crm', 'shop-20260102T030405Z-abc234')],
  ] as const) {
    it(`knows of no job ${what}`, async () => {
      for (const name of ['showJob', 'cancelJob', 'retryJob', 'follow'] as const) {
        const bench = benchOf(limited, answers);
        await assert.rejects(ask(bench, name, { jobId: 'x' }), (error) => hasCode(error, 'JOB_NOT_FOUND'));
        assert.deepEqual(bench.reached, ['showJob']);
      }
    });
  }

  it('is not told the names of others by an error', async () => {
    const bench = benchOf(limited, {
      backup: () => {
        throw new BackupDataError(
          'DATABASE_UNKNOWN',
          'there is no database "crmm" in the configuration (/etc/x)',
          {
            hint: 'It has crm, shop.',
          },
        );
      },
    });
    await assert.rejects(ask(bench, 'backup', { database: 'crmm' }), (error) => {
      assert.ok(error instanceof BackupDataError);
      assert.doesNotMatch(`${error.message} ${error.hint}`, /shop|\/etc/);
      return error.code === 'DATABASE_UNKNOWN';
    });
  });
});
