import type { RestoreOptions, RestoreTarget } from '../../../src/pipeline/engine/engine.ts';
import type { EngineName, Source } from '../../../src/shared/config/schema.ts';
import type { ErrorCode } from '../../../src/shared/errors.ts';

/** A product on a real server, as the suite for engines needs it. */
export interface EngineProduct {
  name: EngineName;
  /** Starts what is needed, and stops and removes it afterwards whatever happens. */
  withSubject(use: (subject: EngineSubject) => Promise<void>): Promise<void>;
}

export interface EngineSubject {
  /** A source of its own that holds one of every kind of object that the product has. */
  createSource(): Promise<Source>;
  /** A place of its own that nothing is in. */
  createTarget(): Promise<Target>;
  /** All that must be equal after a restore: definitions, rows, sequences, routines and so on, as plain data. */
  describe(source: Source): Promise<unknown>;
  /** Changes that go on until they are stopped, and keep a sum over several places; null where the product has no transactions. */
  writers: Writers | null;
  /** What must be refused before anything is dumped. */
  refusals: readonly Refusal[];
  /** A source whose dump goes on until its server is killed; null where there is no server. */
  createInterruptible: (() => Promise<Interruptible>) | null;
  /** Whether a whole read can tell a damaged dump without the hashes of what was stored. */
  checksItself: boolean;
}

export interface Target {
  target: RestoreTarget;
  /** As it takes to restore into it: `create` where it is to be made. */
  options: Partial<RestoreOptions>;
  /** What can be described once something was restored. */
  source: Source;
  /** What an operator types to restore over what is in it. */
  confirm: string;
}

export interface Writers {
  /** Makes what they write to. */
  prepare(source: Source): Promise<void>;
  /** Starts them; `transactions` counts those that were committed. */
  start(source: Source): Promise<{ transactions(): number; stop(): Promise<void> }>;
  /** What holds at every moment between two transactions: the same for each. */
  sum(source: Source): Promise<number>;
}

export interface Refusal {
  what: string;
  source(): Promise<Source>;
  code: ErrorCode;
  message: RegExp;
}

export interface Interruptible {
  source: Source;
  /** Resolves once bytes of the dump are on their way. */
  started(): Promise<void>;
  /** As a crash or an administrator would end it. */
  kill(): Promise<void>;
  code: ErrorCode;
}
