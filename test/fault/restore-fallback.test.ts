import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { assertComplaint, type Complaint } from '../support/complaint.ts';
import { type Copies, withCopies } from '../support/copies.ts';
import { runInProcess } from '../support/in-process.ts';
import { type CommandResult, quickQueue } from '../support/installation.ts';
import { query } from '../support/postgres.ts';
import { contentOf } from '../support/postgres-sample.ts';
import { chooseSeed, createSeeded, type Seeded } from '../support/seeded.ts';
import { until } from '../support/until.ts';

const queue = { ...quickQueue, attempts: 1_000 };

interface Stored {
  copies: Copies;
  backupId: string;
  seeded: Seeded;
  /** The file of a storage whose name ends so. */
  fileOf(storage: string, ending: string): Promise<string>;
  /** Undoes every damage. */
  heal(): Promise<void>;
  /** Restores into a new database, whose name it gives. */
  restore(backup: string, ...args: string[]): Promise<{ result: CommandResult; target: string }>;
}

/** A backup of three volumes of data, in `main` and copied to `offsite` and `far`; a worker is at work. */
function withStoredBackup(
  print: (line: string) => void,
  use: (stored: Stored) => Promise<void>,
): Promise<void> {
  return withCopies(async (copies) => {
    const seeded = createSeeded(chooseSeed());
    print(`TEST_SEED=${seeded.seed}`);
    const { postgres, source, start, shown } = copies;
    await query(
      postgres.url(source),
      "CREATE TABLE bulk AS SELECT i, sha512(convert_to(i::text, 'UTF8')) AS body FROM generate_series(1, 17000) i",
    );
    const shop = { volumeSize: '1MiB', compression: { type: 'none' } };
    await copies.copyTo(['offsite', 'far'], { queue }, shop);
    await start(['worker']);
    const backupId = await copies.backup();
    await until('both copies are there', async () =>
      (await shown(backupId)).every(({ state }) => state === 'copied'),
    );
    const fileOf = async (storage: string, ending: string): Promise<string> => {
      for await (const { key } of (await copies.storage(storage)).list('shop/', AbortSignal.timeout(5_000)))
        if (key.endsWith(ending)) return join(copies.pathOf(storage), key);
      throw new Error(`there is no ${ending} in ${storage}`);
    };
    const files = new Map<string, Buffer>();
    for (const storage of ['main', 'offsite', 'far'])
      for (const ending of [...volumes, 'globals.sql', `catalog/${backupId}.json`]) {
        const file = await fileOf(storage, ending);
        files.set(file, await readFile(file));
      }
    await use({
      copies,
      backupId,
      seeded,
      fileOf,
      heal: async () => {
        for (const [file, bytes] of files) await writeFile(file, bytes);
      },
      restore: async (backup, ...args) => {
        const target = postgres.uniqueName();
        const command = ['restore', backup, '--to', `shop/${target}`, '--create', ...args];
        const here = args.includes('--here');
        const result = await (here ? runInProcess(copies, ...command) : copies.run(...command));
        return { result, target };
      },
    });
  });
}

const volumes = ['/data.dump', '/data.dump.0001', '/data.dump.0002'];

async function flipBit(file: string, seeded: Seeded): Promise<void> {
  const bytes = await readFile(file);
  const offset = seeded.below(bytes.length);
  await writeFile(file, bytes.with(offset, (bytes[offset] ?? 0) ^ (1 << seeded.below(8))));
}

async function assertRestored(
  { copies, backupId }: Stored,
  { result, target }: Awaited<ReturnType<Stored['restore']>>,
  notes: readonly RegExp[],
): Promise<void> {
  const { postgres, source } = copies;
  assert.equal(result.code, 0, result.stderr);
  const document = result.json<{ backupId: string; notes: string[] }>();
  assert.equal(document.backupId, backupId);
  assert.equal(document.notes.length, notes.length, document.notes.join('\n'));
  for (const [index, note] of notes.entries()) assert.match(document.notes[index] ?? '', note);
  assert.deepEqual(await contentOf(postgres.url(target)), await contentOf(postgres.url(source)));
  await query(postgres.adminUrl, `DROP DATABASE ${target}`);
}

/** Before the target is touched: it is not even made. */
async function assertRefused(
  { copies: { postgres } }: Stored,
  { result, target }: Awaited<ReturnType<Stored['restore']>>,
  complaint: Complaint,
): Promise<void> {
  assertComplaint(result, complaint);
  assert.doesNotMatch(result.stderr, /: (prepare|restore)$/m);
  assert.deepEqual(await query(postgres.adminUrl, `select from pg_database where datname = '${target}'`), []);
}

/** In the process of the command, and by a worker. */
const ways: Record<string, readonly string[]> = { here: ['--here'], 'by a worker': [] };

describe('a restore whose first storage is damaged or away', () => {
  it('reads a copy instead, and says so', (context) =>
    withStoredBackup(context.diagnostic.bind(context), async (stored) => {
      const { copies, backupId, seeded, fileOf, heal, restore } = stored;
      for (const [way, args] of Object.entries(ways)) {
        await context.test(`${way}: a flipped bit`, async () => {
          await flipBit(await fileOf('main', '/data.dump.0001'), seeded);
          await assertRestored(stored, await restore(backupId, '--json', ...args), [
            /^part data\.dump was read from storage offsite: data\/.*data\.dump\.0001 in storage main is damaged: its sha256/,
          ]);
          await heal();
        });
        await context.test(`${way}: the object is gone`, async () => {
          await rm(await fileOf('main', '/globals.sql'));
          await assertRestored(stored, await restore('shop', '--json', ...args), [
            /^part globals\.sql was read from storage offsite: .* is missing in storage main$/,
          ]);
          await heal();
        });
        await context.test(`${way}: the manifest is damaged`, async () => {
          await flipBit(await fileOf('main', `catalog/${backupId}.json`), seeded);
          for (const backup of [backupId, 'shop'])
            await assertRestored(stored, await restore(backup, '--json', ...args), [
              /^the manifest was read from storage offsite; in storage main: .*cannot be trusted/,
            ]);
          await heal();
        });
        await context.test(`${way}: the whole storage is away`, async () => {
          await copies.takeAway('main');
          await assertRestored(stored, await restore(backupId, '--json', ...args), [
            /^the manifest was read from storage offsite; in storage main: /,
          ]);
          await assertRestored(stored, await restore('shop', '--json', ...args), [
            /^storage main cannot be read: /,
            new RegExp(`^${backupId} \\(.*\\) is the latest that can be read; there may be a later one$`),
          ]);
          await copies.bringBack('main');
        });
        await context.test(`${way}: every storage is damaged, each in another volume`, async () => {
          for (const [index, name] of ['main', 'offsite', 'far'].entries())
            await flipBit(await fileOf(name, volumes[index] ?? ''), seeded);
          await assertRestored(stored, await restore(backupId, '--json', ...args), [
            /^part data\.dump was read from storage offsite: data\/\S+\/data\.dump in storage main is damaged/,
          ]);
          await heal();
        });
        await context.test(`${way}: every storage is damaged in the same volume`, async () => {
          for (const name of ['main', 'offsite'])
            await flipBit(await fileOf(name, '/data.dump.0001'), seeded);
          await rm(await fileOf('far', '/data.dump.0001'));
          await assertRefused(stored, await restore(backupId, ...args), {
            code: 'OBJECT_DAMAGED',
            message:
              /part data\.dump: \S+data\.dump\.0001 in storage main is damaged: its sha256.*; part data\.dump: \S+data\.dump\.0001 in storage offsite is damaged: .*; part data\.dump: \S+data\.dump\.0001 is missing in storage far$/,
          });
          await heal();
        });
        await context.test(`${way}: the storage is the only one to be read`, async () => {
          await flipBit(await fileOf('main', '/data.dump'), seeded);
          await assertRefused(stored, await restore(backupId, '--storage', 'main', ...args), {
            code: 'OBJECT_DAMAGED',
            message:
              /part data\.dump: \S+ in storage main is damaged: its sha256 is not the one in the manifest$/,
          });
          await heal();
        });
      }
      await context.test('people are told before and after', async () => {
        await copies.takeAway('main');
        await flipBit(await fileOf('offsite', '/data.dump'), seeded);
        const { result } = await restore('shop', '--here');
        await copies.bringBack('main');
        assert.equal(result.code, 0, result.stderr);
        assert.match(result.stderr, /^warning: storage main cannot be read: /m);
        assert.match(result.stderr, /^warning: shop-\S+ \(just now\) is the latest that can be read/m);
        assert.match(
          result.stderr,
          /^note: part data\.dump was read from storage far: .*in storage offsite is damaged/m,
        );
      });
      await context.test('another verb does not take an older backup for the latest', async () => {
        await copies.takeAway('main');
        for (const verb of [['show'], ['verify', '--here']] as const) {
          const [name, ...args] = verb;
          assertComplaint(await runInProcess(copies, name, 'shop', ...args), {
            code: 'STORAGE_UNAVAILABLE',
            message: /main/,
          });
        }
        const shown = await runInProcess(copies, 'show', backupId, '--here');
        assert.equal(shown.code, 0);
        assert.match(shown.stderr, /^warning: the manifest was read from storage offsite; in storage main: /);
        assert.match(
          shown.stdout,
          /^storage +offsite\ncopies +main: unknown: .*\n(?: .*\n)* +far: copied, /m,
        );
        await copies.bringBack('main');
      });
    }));
});
