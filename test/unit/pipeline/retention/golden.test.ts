import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { decideRetention } from '../../../../src/pipeline/retention/decide.ts';
import { policy } from '../../../../src/shared/config/policy-schema.ts';
import { compactTime } from '../../../../src/shared/ids.ts';

const folder = join(import.meta.dirname, '../../../fixtures/golden/retention');

/** One case, as a person writes it: each backup with what must become of it, newest first. */
interface Case {
  says: string;
  now: string;
  timeZone?: string;
  policy: Record<string, unknown> | null;
  allSources?: boolean;
  backups: {
    at: string;
    id?: string;
    failed?: boolean;
    pending?: boolean;
    pinned?: boolean;
    source?: string;
    unreadable?: boolean;
    jobs?: string[];
    keep?: string[];
    retire?: string[];
  }[];
}

describe('the retention', () => {
  const files = readdirSync(folder);

  it('has its golden cases', () => assert.ok(files.length >= 20, files.join(', ')));

  for (const file of files) {
    const golden = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Case;

    it(`${file}: ${golden.says}`, () => assert.deepEqual(decide(golden), expected(golden)));
  }
});

function decide(golden: Case) {
  return decideRetention({
    // Not in the order of the answer.
    backups: golden.backups.toReversed().map((backup) => ({
      backupId: idOf(backup),
      at: new Date(backup.at),
      verification: backup.failed ? 'failed' : backup.pending ? 'pending' : 'good',
      pinned: backup.pinned ?? false,
      source: backup.unreadable ? null : (backup.source ?? 'the only one'),
    })),
    policy: golden.policy === null ? null : (policy.retention.parse(golden.policy) ?? null),
    timeZone: golden.timeZone ?? 'UTC',
    now: new Date(golden.now),
    named: new Map(golden.backups.map((backup) => [idOf(backup), new Set(backup.jobs)])),
    allSources: golden.allSources ?? false,
  });
}

function expected({ backups }: Case) {
  return backups.map((backup) => {
    assert.equal(Number('keep' in backup) + Number('retire' in backup), 1, 'what must become of it');
    return {
      backupId: idOf(backup),
      decision: backup.keep ? 'keep' : 'retire',
      reasons: backup.keep ?? backup.retire,
    };
  });
}

function idOf({ id, at }: Case['backups'][number]): string {
  return id ?? `shop-${compactTime(new Date(at))}-aaaaaa`;
}
