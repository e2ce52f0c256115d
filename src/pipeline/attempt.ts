import type { DatabaseConfig } from '../shared/config/schema.ts';
import type { Codec } from './codec/codec.ts';
import type { Engine, EngineContext } from './engine/engine.ts';
import type { Storage } from './storage/storage.ts';

/** One start of a run: what it dumps, how, and where to. */
export interface Attempt {
  database: DatabaseConfig;
  backupId: string;
  attemptId: string;
  engine: Engine;
  codecs: readonly Codec[];
  storage: Storage;
  context: EngineContext;
  /** Stored bytes; called for every chunk, so it must be cheap. */
  onBytes: (count: number) => void;
}
