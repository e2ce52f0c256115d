import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';

const labelNames = ['database', 'engine'] as const;

/** The metrics of a worker. Labels are bounded by the configuration. */
export interface Metrics {
  registry: Registry;
  success: Counter<'database' | 'engine'>;
  failure: Counter<'database' | 'engine'>;
  /** Seconds. */
  duration: Histogram<'database' | 'engine'>;
  /** Stored bytes. */
  size: Histogram<'database' | 'engine'>;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    success: new Counter({
      name: 'backup_success_total',
      help: 'Runs that committed a backup',
      labelNames,
      registers,
    }),
    failure: new Counter({
      name: 'backup_failure_total',
      help: 'Runs that failed for good, after their last attempt',
      labelNames,
      registers,
    }),
    duration: new Histogram({
      name: 'backup_duration_seconds',
      help: 'From the start of the attempt that committed to its commit',
      labelNames,
      buckets: [1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400],
      registers,
    }),
    size: new Histogram({
      name: 'backup_size_bytes',
      help: 'Stored bytes of a committed backup',
      labelNames,
      buckets: [1e4, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12],
      registers,
    }),
  };
}
