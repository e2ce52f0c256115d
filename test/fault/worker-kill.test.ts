import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { BackupResult } from '../../src/shared/queues/payloads.ts';
import { parseProgress } from '../../src/shared/queues/progress.ts';
import { createBulk } from '../support/bulk-database.ts';
import { type Crew, type Member, withCrew } from '../support/crew.ts';
import { type Fleet, withFleet } from '../support/fleet.ts';
import { type Installation, quickQueue, withInstallation } from '../support/installation.ts';
import { assertInvariants } from '../support/invariants.ts';
import { contentOf } from '../support/postgres-sample.ts';
import { chooseSeed, createSeeded, type Seeded } from '../support/seeded.ts';
import { storedBytes } from '../support/stored.ts';
import { until } from '../support/until.ts';
import { linesOf, startsOf } from '../support/worker-log.ts';

const kills = Number(process.env.BACKUPDATA_KILLS ?? 10);
const queue = { ...quickQueue, stalledInterval: quickQueue.lockDuration / 4 };
/** Milliseconds from a worker's death to the next start of its run: the lock ends, and two checks must see that. */
const restartsWithin = queue.lockDuration + 2 * queue.stalledInterval;
/** A quarter of a lock more, for a machine that is busy. */
const slack = queue.lockDuration / 4;

describe('a worker that is killed at a random point of a run', () => {
  it(`costs the run nothing but time, ${kills} times over`, (test) =>
    withInstallation(async (installation) => {
      const seeded = createSeeded(chooseSeed());
      test.diagnostic(`TEST_SEED=${seeded.seed}`);
      const database = await createBulk(installation.postgres, 16);
      const url = installation.postgres.url(database);
      await installation.configure({ databases: { shop: { engine: 'postgres', url } }, queue });
      await withFleet(installation, (fleet) =>
        withCrew(installation, async (crew) => {
          await crew.hire();
          // The first run of a worker is slower: it asks the tools for their versions.
          const first = await rehearse(fleet, crew);
          const whole = await rehearse(fleet, crew);
          const done: Killed[] = [];
          for (let index = 1; index <= kills; index += 1) {
            const killed = await killOnce({ installation, fleet, crew, point: choosePoint(seeded, whole) });
            test.diagnostic(`kill ${index}: ${describeKill(killed)}`);
            assertRestart(killed);
            done.push(killed);
          }
          const interrupted = done.filter(({ restart }) => restart !== undefined);
          assert.ok(
            interrupted.length >= kills / 4,
            `only ${interrupted.length} kills came before the end of their run`,
          );
          const committed = [first, whole, ...done.map(({ result }) => result)].map(
            ({ backupId }) => backupId,
          );
          await assertRestores(installation, { backupId: committed.at(-1) ?? '', url });
          await crew.dismiss();
          await assertInvariants(installation, { committed, leftovers: 'for the sweep' });
        }),
      );
    }));
});

/** What an undisturbed run takes. */
interface Whole extends BackupResult {
  /** Messages that its worker sends to Redis, from the request to the end. */
  messages: number;
}

async function rehearse(fleet: Fleet, crew: Crew): Promise<Whole> {
  const [{ worker, link } = assert.fail('nobody is there')] = crew.members();
  let messages = 0;
  link.watch('requests', () => {
    messages += 1;
    return 'pass';
  });
  const backupId = await fleet.backup('shop');
  await until('the rehearsal is committed', () =>
    linesOf(worker, backupId).some(({ message }) => message === 'backup committed'),
  );
  link.release();
  return { ...(await fleet.outcome(backupId)), messages };
}

/** Where a run is interrupted: so long after its start, with so much of it stored, or instead of its worker's nth message to Redis. */
type Point = { by: 'milliseconds' | 'bytes' | 'messages'; value: number; of: number; partner: boolean };

function choosePoint(seeded: Seeded, whole: Whole): Point {
  const totals = { milliseconds: whole.duration, bytes: whole.bytes, messages: whole.messages } as const;
  const by = (['milliseconds', 'bytes', 'messages'] as const)[seeded.below(3)] ?? 'messages';
  return { by, value: seeded.below(totals[by]), of: totals[by], partner: seeded.below(2) === 1 };
}

interface Killed {
  point: Point;
  phase: string;
  bytes: number;
  result: BackupResult;
  /** The next start of the run, if the kill left one to do: milliseconds after the kill, or after the only other worker was ready. */
  restart: number | undefined;
}

/** One run whose worker dies at that point. A partner is there to take over; else a new worker comes. */
async function killOnce(options: {
  installation: Installation;
  fleet: Fleet;
  crew: Crew;
  point: Point;
}): Promise<Killed> {
  const { installation, fleet, crew, point } = options;
  while (crew.members().length < (point.partner ? 2 : 1)) await crew.hire();
  const byMessage = point.by === 'messages' ? killAtMessage(crew, point.value) : undefined;
  const backupId = await fleet.backup('shop');
  const victim = await (byMessage ?? killLater(options, backupId));
  const killedAt = Date.now();
  const progress = parseProgress((await fleet.job(backupId)).progress);
  const bytes = await storedBytes(installation, backupId);
  if (crew.members().length === 0) await crew.hire();
  const result = await fleet.outcome(backupId);
  assert.equal(result.backupId, backupId);
  const next = crew
    .members()
    .flatMap(({ worker, readyAt }) =>
      startsOf(worker, backupId).map(({ time }) => Date.parse(time) - Math.max(killedAt, readyAt)),
    );
  const interrupted = startsOf(victim.worker, backupId).length > 0;
  return {
    point,
    phase: progress?.phase ?? 'start',
    bytes,
    result,
    restart: interrupted ? next[0] : undefined,
  };
}

/** The message that would exceed the count is not sent: its sender is dead before. */
function killAtMessage(crew: Crew, count: number): Promise<Member> {
  return new Promise((resolve) => {
    for (const member of crew.members()) {
      let sent = 0;
      member.link.watch('requests', () => {
        sent += 1;
        if (sent <= count) return 'pass';
        const killed = crew.kill(member);
        for (const { link } of crew.members()) link.release();
        void killed.then(() => resolve(member));
        return 'hold';
      });
    }
  });
}

async function killLater(
  { installation, crew, point }: { installation: Installation; crew: Crew; point: Point },
  backupId: string,
): Promise<Member> {
  const holder = (): Member | undefined =>
    crew.members().find(({ worker }) => startsOf(worker, backupId).length > 0);
  await until('the run has started', () => holder() !== undefined);
  const victim = holder() ?? assert.fail();
  if (point.by === 'milliseconds') await delay(point.value);
  else
    await until('so much is stored', async () => (await storedBytes(installation, backupId)) >= point.value);
  await crew.kill(victim);
  return victim;
}

function describeKill({ point, phase, bytes, restart }: Killed): string {
  const { by, value, of, partner } = point;
  const next = restart === undefined ? 'nothing was left to do' : `started again after ${restart} ms`;
  return `at ${value} of ${of} ${by}, in phase ${phase} with ${bytes} bytes stored, ${partner ? 'with a partner' : 'alone'}; ${next}`;
}

function assertRestart(killed: Killed): void {
  const { restart = 0 } = killed;
  assert.ok(restart <= restartsWithin + slack, `more than ${restartsWithin} ms: ${describeKill(killed)}`);
}

async function assertRestores(
  { run, postgres }: Installation,
  { backupId, url }: { backupId: string; url: string },
): Promise<void> {
  const copy = postgres.uniqueName();
  const restored = await run('restore', backupId, '--to', `shop/${copy}`, '--create');
  assert.equal(restored.code, 0, restored.stderr);
  assert.deepEqual(await contentOf(postgres.url(copy)), await contentOf(url));
}
