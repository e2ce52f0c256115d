import type { DatabaseConfig, EngineName, Source } from '../../shared/config/schema.ts';
import type { BackupDataError } from '../../shared/errors.ts';
import type { Manifest, ManifestPart, RestoreFacts } from '../../shared/manifest.ts';
import type { StageFailure } from '../process/failure.ts';
import type { Stage } from '../process/stage.ts';
import type { Tools } from '../process/tools.ts';
import type { RowCounts } from './row-counts.ts';

/** What every call of an engine may need and must not find for itself. */
export interface EngineContext {
  tools: Tools;
  /** Milliseconds to wait for a connection. */
  connectTimeout: number;
  signal: AbortSignal;
}

/** What an engine learned of a database before a dump of it is started. */
export interface Inspection {
  engine: Manifest['engine'];
  source: Manifest['source'];
  restore: RestoreFacts;
  /** Bytes, as the server counts its own files; 0 when it does not tell. */
  estimatedSourceBytes: number;
  notes: readonly string[];
}

/** A large part, with what makes or proves it. */
export interface PreparedStage {
  stage: Stage;
  /** Runs while the part is stored: writes the file that the stage reads, or looks whether it is whole. There is no part when it throws. */
  meanwhile?: (signal: AbortSignal) => Promise<void>;
  /** Whether bytes must come all the same: the stage waits for nothing of `meanwhile`, which takes no longer than they may be silent. */
  flows?: boolean;
  /** Looks at what the stage kept, once that ended well. There is no part when it throws. */
  finish?: () => Promise<void>;
}

/** What the engine made ready: a small part itself, a large one's stage, or one sentence for the manifest saying why there is none. */
export type PreparedPart = { bytes: Buffer } | PreparedStage | { missing: string };

/** The end of a format that says of itself that it is whole. */
export interface Trailer {
  /** Whether the last bytes of the part (at most 4 KiB, all of a shorter one) are those of a whole dump. */
  isIn(end: Buffer): boolean;
  /** What is looked for, for the message: `the line "-- Dump completed"`. */
  what: string;
}

/** One part of a dump. */
export interface PlannedPart {
  /** File name without the codecs' extensions: `data.dump`, `globals.sql`. */
  name: string;
  kind: ManifestPart['kind'];
  /** The program whose stdout is the part; or what prepares it, until the signal stops that. */
  source: Stage | ((signal: AbortSignal) => Promise<PreparedPart>);
  /** How the decoded part must begin, where its format has a signature; `any` where it only must not be empty. */
  signature?: Buffer | 'any';
  /** How it must end, where its format has a trailer. */
  trailer?: Trailer;
}

/** Owns whatever holds the snapshot, and every temporary file, until closed. */
export interface DumpPlan {
  parts: readonly PlannedPart[];
  close(): Promise<void>;
}

export interface RestoreOptions {
  /** Make the database, and drop it again if the restore fails. */
  create: boolean;
  /** `SCHEMA.NAME` of the only tables to restore; empty for everything. */
  tables: readonly string[];
  /** Apply the roles that the server lacks. */
  globals: boolean;
  /** Leave ownership (of MySQL: definers), and grants to roles that the server lacks, out. */
  noOwner: boolean;
  /** The target database's name as the operator typed it, to restore over what is there. */
  confirm: string | undefined;
  /** Keep the file that is replaced, under another name; only where the target is a file. */
  keepOld: boolean;
  /** Leave out what would reach out to other servers by itself, as a subscription does. */
  isolated?: boolean;
}

/** Where to restore to: a database on a server, or a file. */
export interface RestoreTarget {
  /** Of a configured database, or of a URL that was typed; null where the path of a file was. */
  source: (Source & { name?: string }) | null;
  /** The database on that server, or the path of the file; the source's own when absent. */
  database: string | undefined;
}

/** Reads the parts of one backup, decoded, into programs. */
export interface PartReader {
  /** Runs the stage with the decoded part as its stdin until the stage ends, whether or not it read everything; its stdout (at most 64 MiB). */
  collect(part: ManifestPart, stage: Stage): Promise<Buffer>;
  /** The whole decoded part; for small ones only (at most 64 MiB). */
  read(part: ManifestPart): Promise<Buffer>;
}

/** The proof of one decoded part. */
export interface PartCheck {
  /** Reads the part on stdin, and exits 0 only if nothing is wrong with what it read. */
  stage: Stage;
  /** Looks at what the stage kept, once that ended well. Throws StageFailure when it is not whole. */
  finish(): Promise<void>;
  /** Removes what the stage kept. Never throws. */
  close(): Promise<void>;
}

/** A restore that is ready to receive its data: everything that could be refused has been. */
export interface RestorePlan {
  part: ManifestPart;
  /** What the decoded part passes through on its way, in this order; none when absent. */
  filters?: readonly Stage[];
  /** Consumes the decoded part on stdin. */
  stage: Stage;
  /** Whether the stage reads to the end; one that restores a selection may stop where the rest is not wanted. */
  readsAll: boolean;
  /** Ends a restore whose stage succeeded; notes for the operator. */
  finish(): Promise<readonly string[]>;
  /** Takes back what a failed restore made; a clause for each thing that it could not take back. Never throws. */
  undo(): Promise<readonly string[]>;
}

/** A database of its own on the target's server, to prove a backup in. Nothing else on that server is changed. */
export interface Scratch {
  /** Where a restore with `create` makes it. */
  readonly target: RestoreTarget;
  readonly serverVersion: string;
  /** Whether a restore that failed so proves the backup bad; false where the target, its user or a tool may be to blame. */
  blames(failure: StageFailure): boolean;
  /** What the backup's table of contents names and the restored database lacks, as `TABLE public.orders`. */
  missing(request: { manifest: Manifest; parts: PartReader }): Promise<readonly string[]>;
  /** Counts the rows of every table. */
  count(): Promise<RowCounts>;
  /** Runs one SQL query, read-only; undefined when the first column of its first row is true, else what it was instead. */
  refute(assertion: string): Promise<string | undefined>;
  /** Drops it, whatever was aborted; a clause says so where it could not be dropped. Never throws. */
  drop(): Promise<string | undefined>;
}

/** One installed program of an engine. */
export interface InstalledTool {
  program: string;
  version: string;
  /** Absolute. */
  path: string;
}

/** A database product and its own tools. */
export interface Engine {
  readonly name: EngineName;

  /** Whose servers its backups can be restored to, and whether to a file whose path was typed. */
  readonly targets: { engines: readonly EngineName[]; files: boolean };

  /** Every version of its dump tool that is installed here, for `check`; empty when there is none. Null for an engine without tools of its own. */
  readonly installed: ((context: EngineContext) => Promise<readonly InstalledTool[]>) | null;

  /**
   * Every database of the source's server that can be backed up, by the server's own names. Absent where there is no such
   * server, or it cannot be asked. Throws inspect's connection errors.
   */
  databases?(source: Source, context: EngineContext): Promise<readonly string[]>;

  /**
   * Server and tool versions, identity of the server, size estimate, what it holds. Refuses early with a typed error:
   * DATABASE_UNREACHABLE, DATABASE_AUTH, DATABASE_PERMISSION, DATABASE_MISSING, TOOL_MISSING, TOOL_TOO_OLD.
   */
  inspect(database: DatabaseConfig, context: EngineContext): Promise<Inspection>;

  /** The parts of a dump and what produces each. */
  plan(database: DatabaseConfig, inspection: Inspection, context: EngineContext): Promise<DumpPlan>;

  /** What proves a whole decoded part; null when the decoder is all the proof there is. */
  check(
    part: ManifestPart,
    manifest: Manifest,
    context: EngineContext,
    /** The database that it is of, where that is still configured. */
    database?: DatabaseConfig,
  ): Promise<PartCheck | null>;

  /**
   * Makes the target ready. Refuses, before anything is changed, with TARGET_NOT_EMPTY, TARGET_EXISTS, OWNER_MISSING,
   * TABLE_NOT_FOUND, TOOL_MISSING, TOOL_TOO_OLD, or one of inspect's connection errors.
   */
  prepareRestore(
    request: { manifest: Manifest; target: RestoreTarget; options: RestoreOptions; parts: PartReader },
    context: EngineContext,
  ): Promise<RestorePlan>;

  /**
   * Makes ready for a drill, on the target's server or in a folder (`drillPlaceOf`; the target is then of no source), and
   * sweeps what dead drills left there. Makes no database yet. Refuses a server that
   * is older than the source's with CONFIG_INVALID, a user who may not create databases with DATABASE_PERMISSION, and with
   * inspect's connection errors: none of them says anything of the backup.
   */
  scratch(
    request: {
      manifest: Manifest;
      target: RestoreTarget;
      /** The database's name, of `newScratchName`. */
      name: string;
      /** Now. */
      at: Date;
    },
    context: EngineContext,
  ): Promise<Scratch>;

  /** What a failed tool's words mean, when they are known, so that the error can say what to do and whether to retry. */
  explain(failure: StageFailure, database: { name: string }): BackupDataError | undefined;

  /** For RESTORE.md: shell lines that, after the part files were decoded by `decode(part)` to stdout, show it and restore it with stock tools. */
  instructions(request: InstructionsRequest): EngineInstructions;
}

/** What RESTORE.md is written of. */
export interface InstructionsRequest {
  /** The name of the database that the backup is of. */
  source: string;
  parts: readonly ManifestPart[];
  restore: RestoreFacts;
  /** The shell command that writes a decoded part to stdout. */
  decode: (part: ManifestPart) => string;
}

/** The engine's paragraphs of RESTORE.md; each entry of `commands` is one shell command that works as it stands. */
export interface EngineInstructions {
  needs: string;
  show: { title: string; command: string };
  restore: readonly { title: string; commands: readonly string[] }[];
}
