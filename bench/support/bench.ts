import type { TestPostgres } from '../../test/support/postgres.ts';
import type { Row } from '../table.ts';
import type { Size } from './size.ts';
import type { StockTools } from './stock-tools.ts';

/** What every case works with. */
export interface Bench {
  size: Size;
  /** Backups at once, of the worker and of the bare tools. */
  cores: number;
  postgres: TestPostgres;
  redisUrl: string;
  tools: StockTools;
  signal: AbortSignal;
  /** The two databases of generated data; each is made when it is first asked for. */
  data: { large(): Promise<Dataset>; small(): Promise<Dataset> };
  /** A new bucket of an S3 store on this machine; the store is started when it is first asked for. */
  s3(): Promise<Bucket>;
  /** Those that were made so far. */
  datasets: readonly Dataset[];
  /** One line for who waits. */
  say(line: string): void;
}

/** How to reach a bucket. */
export interface Bucket {
  endpoint: string;
  /** As the configuration says it. */
  storage: object;
  /** As `stock-upload.ts` is told. */
  variables: Readonly<Record<string, string>>;
}

/** A database made by the bench. */
export interface Dataset {
  /** Its name in the configuration. */
  name: string;
  url: string;
  /** Bytes of `pg_dump -Fc -Z0`, and of that behind `zstd -1`. */
  dumpBytes: number;
  compressedBytes: number;
}

/** One group of rows. */
export type Case = (bench: Bench) => Promise<Row[]>;
