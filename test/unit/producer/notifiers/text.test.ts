import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { renderFields } from '../../../../src/producer/cli/output/fields.ts';
import { textOf } from '../../../../src/producer/notifiers/text.ts';
import type { RunEvent } from '../../../../src/shared/queues/run-event.ts';
import { sampleBackup, sampleEvent } from '../../../support/run-event.ts';

function written(changes: Partial<RunEvent>): { title: string; lines: string[] } {
  const { title, fields } = textOf(sampleEvent(changes));
  return { title, lines: renderFields(fields, 200).split('\n') };
}

const quiet = { cause: null, job: null, nextRun: null, link: null, server: '' };

describe('the text of', () => {
  it('a failure has all that somebody needs to begin with', () => {
    const { title, lines } = written({ backup: sampleBackup, installation: 'eu' });
    assert.equal(title, 'Backup of shop failed');
    assert.deepEqual(lines, [
      'Status        failure',
      'Database      shop',
      'Server        db.example.com:5432',
      'Attempt       6 of 6',
      'Cause         pg_dump ended with 1',
      'Code          DUMP_FAILED',
      'Next step     Read the log of the run.',
      'Job           shop-20260102T030405Z-abc234',
      'Time          2026-01-02 03:09:05Z',
      'Installation  eu',
      'Backup        shop-20260102T030405Z-abc234',
      'Duration      4m12s',
      'Size          1.1 MiB (+15% against the last)',
      'Storage       main',
      'Copies        offsite',
      'Next run      2026-01-03 03:00:00Z',
      'Link          https://backups.example.com/queues',
    ]);
  });

  it('a recovery says what is over, and since when it was', () => {
    const incident = { kind: 'stale', since: '2026-01-01T00:00:00.000Z' } as const;
    const { title, lines } = written({ ...quiet, kind: 'recovery', incident });
    assert.equal(title, 'Recovered: freshness of shop');
    assert.deepEqual(lines, [
      'Status    recovery',
      'Database  shop',
      'Over      stale, since 2026-01-01 00:00:00Z (27h09m)',
      'Time      2026-01-02 03:09:05Z',
    ]);
  });

  it('any other kind says what is its own', () => {
    const at = '2026-01-01T00:00:00.000Z';
    const cases: [Partial<RunEvent>, title: string, line: RegExp][] = [
      [{ kind: 'success' }, 'Backup of shop succeeded', /^Status {4}success$/],
      [{ kind: 'start' }, 'Backup of shop started', /^Status {4}start$/],
      [
        { kind: 'stale', stale: { maxAgeMs: 93_600_000, newestAt: at } },
        'The newest backup of shop is too old',
        /^Allowed age {4}26h$/,
      ],
      [
        { kind: 'stale', stale: { maxAgeMs: 93_600_000, newestAt: null } },
        'There is no backup of shop',
        /^Newest backup {2}none$/,
      ],
      [
        { kind: 'verification-failed', verification: { level: 'decode', outcome: 'failed' } },
        'Verification of shop failed',
        /^Verification {2}level decode: failed$/,
      ],
      [
        { kind: 'prune', prune: { retired: 3, removed: 1 } },
        '3 backups of shop retired',
        /^Retired {3}3 backups, 1 object removed$/,
      ],
      [
        { kind: 'missed', missed: { slots: 1, latest: at } },
        '1 backup of shop missed',
        /^Missed {4}1 slot, the latest 2026-01-01 00:00:00Z$/,
      ],
      [{ kind: 'test' }, 'Test of a notifier of BackUpData (default)', /^Status {4}test$/],
    ];
    for (const [changes, title, line] of cases) {
      const text = written({ ...quiet, ...changes });
      assert.equal(text.title, title);
      assert.ok(
        text.lines.some((each) => line.test(each)),
        text.lines.join('\n'),
      );
    }
  });

  it('a failure of another job names it', () => {
    for (const [name, title] of [
      ['copy', 'A copy of a backup of shop failed'],
      ['prune', 'The prune of shop failed'],
      ['verify', 'A backup of shop could not be verified'],
      ['constructor', 'A job of shop failed'],
    ] as const)
      assert.equal(written({ job: { id: 'x', name, attempt: 1, attempts: 1 } }).title, title);
  });

  it('a recovery names what goes well again', () => {
    const incident = { kind: 'failure', since: '2026-01-01T03:04:05.000Z' } as const;
    for (const [name, title] of [
      ['backup', 'Recovered: backups of shop'],
      ['copy', 'Recovered: copies of backups of shop'],
      ['prune', 'Recovered: prunes of shop'],
      ['constructor', 'Recovered: jobs of shop'],
    ] as const) {
      const job = { id: 'x', name, attempt: 1, attempts: 1 };
      assert.equal(written({ ...quiet, kind: 'recovery', incident, job }).title, title);
    }
  });

  it('a size says how it changed', () => {
    const size = (bytes: number, previousBytes: number | null) =>
      written({ ...quiet, backup: { ...sampleBackup, bytes, previousBytes } }).lines.find((each) =>
        each.startsWith('Size'),
      );
    assert.match(size(1_000, null) ?? '', /^Size +1000 B$/);
    assert.match(size(1_000, 0) ?? '', /^Size +1000 B$/);
    assert.match(size(1_000, 1_000) ?? '', / \(0% against the last\)$/);
    assert.match(size(1_000_001, 1_000_000) ?? '', / \(0% against the last\)$/);
    assert.match(size(1_042, 1_000) ?? '', / \(\+4\.2% against the last\)$/);
    assert.match(size(997, 1_000) ?? '', / \(-0\.3% against the last\)$/);
    assert.match(size(0, 1_000) ?? '', / \(-100% against the last\)$/);
    assert.match(size(50_000, 1_000) ?? '', / \(\+4900% against the last\)$/);
  });

  it('a cause is its first line, on one line, and not endless', () => {
    const cause = (message: string) =>
      written({ ...quiet, cause: { code: 'X', message, hint: null } }).lines[2];
    assert.equal(cause('\n first\u001b[31m\tline \r\nsecond'), 'Cause     first [31m line');
    assert.equal(cause('x'.repeat(9_000))?.length, 'Cause     '.length + 400);
  });
});
