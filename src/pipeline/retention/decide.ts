import type { RetentionConfig } from '../../shared/config/policy-schema.ts';
import { formatExactDuration } from '../../shared/config/units.ts';
import { createCalendar, periods } from './calendar.ts';

/** A committed backup, as far as a retention looks at it. */
export interface RetentionBackup {
  backupId: string;
  /** When its snapshot was taken. */
  at: Date;
  /** By its verifications; one that was never verified is `good`, unless a job is about to: then it is `pending`. */
  verification: 'good' | 'failed' | 'pending';
  pinned: boolean;
  /** Which server's database it is of; null where its manifest cannot be read. */
  source: string | null;
}

/** The kinds of jobs that name a backup and have not ended, by the backup's id. */
export type NamedBackups = ReadonlyMap<string, ReadonlySet<string>>;

export interface RetentionInput {
  backups: readonly RetentionBackup[];
  /** Null keeps everything. */
  policy: RetentionConfig | null;
  /** IANA: whose hours, days, weeks, months and years are meant. */
  timeZone: string;
  now: Date;
  named: NamedBackups;
  /** Whether backups of another source than the newest good one's are judged too, each source by itself. */
  allSources: boolean;
}

export interface RetentionDecision {
  backupId: string;
  decision: 'keep' | 'retire';
  /** Everything that speaks for the decision, for people. */
  reasons: readonly string[];
}

/**
 * Which backups a retention keeps, newest first. A rule keeps the newest backup of each of its buckets, for as many
 * buckets as it says, counting those that have one. A backup whose verification failed takes no place from a good
 * one: it is kept only while it would be kept if it counted. Never retired are the last good backup of a source, its newest
 * where none is good, what is pinned, named by a job, being verified, of another source or dated in the future, and what
 * cannot be read.
 */
export function decideRetention(input: RetentionInput): RetentionDecision[] {
  const backups = input.backups.toSorted(newestFirst);
  // One dated in the future is neither the newest nor the last good one: it would stand in the way of all that follow.
  const dated = backups.filter((each) => each.source !== null && each.at <= input.now);
  const sources = Map.groupBy(dated, (each) => each.source);
  const current = (dated.find(isGood) ?? dated[0])?.source;
  const judged = new Map(
    [...sources]
      .filter(([source]) => input.allSources || source === current)
      .flatMap(([, group]) => [...judgeSource(group, input)]),
  );
  return backups.map((backup) => conclude(backup, judged.get(backup.backupId), input));
}

type Reasons = Map<string, readonly string[]>;

/** What the rules keep of one source, and the last good backup, or the newest where none is good; an empty list for a backup that nothing here keeps. */
function judgeSource(backups: readonly RetentionBackup[], input: RetentionInput): Reasons {
  const byGood = applyRules(backups.filter(isGood), input);
  const byAll = applyRules(backups, input);
  const lastGood = backups.find(isGood)?.backupId;
  // Or the next look would take the backups of another source for the current ones.
  const lastOfAll = lastGood === undefined ? backups[0]?.backupId : undefined;
  return new Map(
    backups.map(({ backupId, verification }) => {
      const reasons = (verification === 'good' ? byGood : byAll).get(backupId) ?? [];
      if (backupId === lastGood) return [backupId, [...reasons, 'the last good backup']];
      const isKept = backupId !== lastOfAll || reasons.length > 0;
      return [backupId, isKept ? reasons : ['the newest, and none is good']];
    }),
  );
}

function applyRules(backups: readonly RetentionBackup[], { policy, timeZone, now }: RetentionInput): Reasons {
  if (!policy) return new Map();
  const bucketsOf = createCalendar(timeZone);
  const taken = new Map(periods.map((period) => [period, new Set<string>()]));
  return new Map(
    backups.map(({ backupId, at }, index) => {
      const reasons = index < policy.last ? [`last ${policy.last}`] : [];
      const buckets = bucketsOf(at);
      for (const [period, seen] of taken) {
        const bucket = buckets[period];
        if (seen.has(bucket) || seen.size >= policy[period]) continue;
        seen.add(bucket);
        reasons.push(`${period} ${bucket}`);
      }
      const { within } = policy;
      if (within !== undefined && now.getTime() - at.getTime() <= within)
        reasons.push(`within ${formatExactDuration(within)}`);
      return [backupId, reasons];
    }),
  );
}

/** `byRules` is undefined for a backup that the rules were not applied to; then something else must keep it. */
function conclude(
  backup: RetentionBackup,
  byRules: readonly string[] | undefined,
  input: RetentionInput,
): RetentionDecision {
  const { backupId, verification } = backup;
  const keeping = [...(byRules ?? []), ...guards(backup, byRules === undefined, input)];
  const reasons = keeping.length > 0 ? keeping : ['no rule keeps it'];
  return {
    backupId,
    decision: keeping.length > 0 ? 'keep' : 'retire',
    reasons: verification === 'failed' ? [...reasons, 'its verification failed'] : reasons,
  };
}

/** What keeps a backup whatever the rules say. */
function guards(
  { backupId, pinned, source, at, verification }: RetentionBackup,
  passedOver: boolean,
  { policy, named, now }: RetentionInput,
): string[] {
  return [
    ...(pinned ? ['pinned'] : []),
    ...[...(named.get(backupId) ?? [])].map((job) => `named by a ${job} job`),
    ...(verification === 'pending' ? ['its verification is not done'] : []),
    ...(source === null ? ['its manifest cannot be read'] : []),
    ...(source !== null && at > now ? ['dated in the future'] : []),
    ...(source !== null && at <= now && passedOver ? ['of another source'] : []),
    ...(policy === null ? ['no retention is configured'] : []),
  ];
}

function isGood({ verification }: RetentionBackup): boolean {
  return verification === 'good';
}

function newestFirst(a: RetentionBackup, b: RetentionBackup): number {
  const later = b.at.getTime() - a.at.getTime();
  if (later !== 0 || a.backupId === b.backupId) return later;
  return a.backupId < b.backupId ? 1 : -1;
}
