import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Of every metric: an entry of the configuration and its engine. */
const entry = ['database', 'engine'] as const;
type Entry = (typeof entry)[number];

/** The metrics of a worker. Labels are bounded by the configuration. */
export interface Metrics {
  registry: Registry;
  success: Counter<Entry>;
  failure: Counter<Entry>;
  attempts: Counter<Entry | 'outcome'>;
  /** Seconds. */
  duration: Histogram<Entry>;
  /** Stored bytes. */
  size: Histogram<Entry>;
  bytes: Counter<Entry>;
  verifications: Counter<Entry | 'level' | 'outcome'>;
  /** Seconds. */
  verificationDuration: Histogram<Entry | 'level'>;
  copies: Counter<Entry | 'storage' | 'outcome'>;
  copyBytes: Counter<Entry | 'storage'>;
  pruneRetired: Counter<Entry | 'storage'>;
  pruneRemoved: Counter<Entry | 'storage'>;
  pruneFailures: Counter<Entry>;
}

const durations = [1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400];

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return { registry, ...runMetrics([registry]), ...maintenanceMetrics([registry]) };
}

/** Of every process, whatever it is: what runs there. */
export function addBuildInfo(registry: Registry, version: string): void {
  new Gauge({
    name: 'backup_build_info',
    help: '1, with the versions of BackUpData and of Node as labels.',
    labelNames: ['version', 'node'],
    registers: [registry],
  }).set({ version, node: process.versions.node }, 1);
}

type RunMetrics = Pick<Metrics, 'success' | 'failure' | 'attempts' | 'duration' | 'size' | 'bytes'>;

function runMetrics(registers: Registry[]): RunMetrics {
  return {
    success: new Counter({
      name: 'backup_success_total',
      help: 'Runs that committed a backup.',
      labelNames: entry,
      registers,
    }),
    failure: new Counter({
      name: 'backup_failure_total',
      help: 'Runs that failed for good, after their last attempt.',
      labelNames: entry,
      registers,
    }),
    attempts: new Counter({
      name: 'backup_attempts_total',
      help: 'Starts of runs, by how they ended: committed, failed, handed_back to the queue by a worker that stops or has another configuration, or lost with their worker, as another one noticed.',
      labelNames: [...entry, 'outcome'],
      registers,
    }),
    duration: new Histogram({
      name: 'backup_duration_seconds',
      help: 'Seconds from the start of the attempt that committed a backup to its commit.',
      labelNames: entry,
      buckets: durations,
      registers,
    }),
    size: new Histogram({
      name: 'backup_size_bytes',
      help: 'Stored bytes of each backup that was committed.',
      labelNames: entry,
      buckets: [1e4, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12],
      registers,
    }),
    bytes: new Counter({
      name: 'backup_bytes_total',
      help: 'Stored bytes of all backups that were committed.',
      labelNames: entry,
      registers,
    }),
  };
}

function maintenanceMetrics(registers: Registry[]): Omit<Metrics, 'registry' | keyof RunMetrics> {
  return {
    verifications: new Counter({
      name: 'backup_verification_total',
      help: 'Verifications that ended, by their level and outcome: ok, failed when the backup is bad, or error when that could not be found out in any attempt.',
      labelNames: [...entry, 'level', 'outcome'],
      registers,
    }),
    verificationDuration: new Histogram({
      name: 'backup_verification_duration_seconds',
      help: 'Seconds that each verification took which ended well.',
      labelNames: [...entry, 'level'],
      buckets: durations,
      registers,
    }),
    copies: new Counter({
      name: 'backup_copy_total',
      help: 'Copies to another storage that ended, by their outcome: ok, also when the copy was there already, or failed after the last attempt.',
      labelNames: [...entry, 'storage', 'outcome'],
      registers,
    }),
    copyBytes: new Counter({
      name: 'backup_copy_bytes_total',
      help: 'Stored bytes that were copied to another storage.',
      labelNames: [...entry, 'storage'],
      registers,
    }),
    pruneRetired: new Counter({
      name: 'backup_prune_retired_total',
      help: 'Backups that were retired from a storage by its retention.',
      labelNames: [...entry, 'storage'],
      registers,
    }),
    pruneRemoved: new Counter({
      name: 'backup_prune_removed_total',
      help: 'Objects and unfinished uploads of retired backups and dead attempts that were removed from a storage.',
      labelNames: [...entry, 'storage'],
      registers,
    }),
    pruneFailures: new Counter({
      name: 'backup_prune_failures_total',
      help: 'Prunes that failed for good, after their last attempt.',
      labelNames: entry,
      registers,
    }),
  };
}
