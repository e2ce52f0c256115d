import { z } from 'zod';
import { Secret } from '../secret.ts';
import { limit, programLine, text } from './values.ts';

/** Patterns of names: `*` stands for any characters, `?` for one; all else is as it is written, case too. */
const patterns = z.array(text).default([]);

/** Node refuses it with a message that quotes the value, escaped so that it is not known for a secret. */
const noNul = 'no program can be given one';

const someProgram = programLine.min(1);

const postgresUrl = urlOf({
  protocols: ['postgres', 'postgresql'],
  message: 'not a PostgreSQL URL; write postgres://USER:PASSWORD@HOST:PORT/DATABASE',
});
const mysqlUrl = urlOf({
  protocols: ['mysql', 'mariadb'],
  message: 'not a MySQL URL; write mysql://USER:PASSWORD@HOST:PORT/DATABASE',
});
const redisUrl = urlOf({
  protocols: ['redis', 'rediss'],
  message: 'not a Redis URL; write redis://USER:PASSWORD@HOST:PORT',
});

/** `SCHEMA.NAME`, or `NAME` where there are no schemas. An empty `include` includes all. */
const tables = z.strictObject({ include: patterns, exclude: patterns, excludeData: patterns }).prefault({});

/** What the dump of an SQL server may be told. */
const sqlOptions = {
  tables,
  /** No rows at all. */
  schemaOnly: z.boolean().default(false),
  /** More for the dump program; only what the engine lets through. */
  extraArguments: z.array(text).default([]),
  /** Milliseconds that the dump waits for a lock; null waits. */
  lockTimeout: limit.nullable().default(null),
  /** Milliseconds that one statement of the dump may take; null is for ever. */
  statementTimeout: limit.nullable().default(null),
};

const schemas = z.strictObject({ include: patterns, exclude: patterns }).prefault({});

const postgres = onServer('postgres', postgresUrl, { ...sqlOptions, schemas });
const mysql = onServer('mysql', mysqlUrl, sqlOptions);
const mariadb = onServer('mariadb', mysqlUrl, sqlOptions);
const sqlite = z.strictObject({ engine: z.literal('sqlite'), path: text });
const redis = z.strictObject({ engine: z.literal('redis'), url: redisUrl });

const command = z.strictObject({
  engine: z.literal('command'),
  /** Writes the dump to its stdout. */
  dump: someProgram,
  /** Reads the dump from its stdin; `{target}` in an argument stands for what was typed as the target. */
  restore: someProgram.optional(),
  /** Must end with code 0 before a dump; the first line of its stdout is kept as the source's version. */
  inspect: someProgram.optional(),
  /** Reads a whole dump from its stdin, and ends with code 0 only if it is good. */
  check: someProgram.optional(),
  /** What the last 4 KiB of a whole dump hold. */
  trailer: text.optional(),
  /** Of the dump's file name. */
  extension: z
    .string()
    .refine((extension) => /^[a-z0-9][a-z0-9.]{0,15}$/.test(extension), {
      message: 'not an extension; write at most 16 of a-z, 0-9 and ".", such as tar or sql.gz',
    })
    .default('bin'),
  /** Added to the environment of these programs. */
  environment: z
    .record(
      z.string().refine((variable) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(variable), {
        message: 'not the name of a variable; use letters, digits and "_", not starting with a digit',
      }),
      z
        .string()
        .refine((value) => !value.includes('\0'), { message: `has a zero byte in it: ${noNul}` })
        .transform((value) => new Secret(value)),
    )
    .default({}),
});

/** How a database is reached and what is dumped of it, by engine; of a server, how its databases are found. */
export const sourceSchemas = [postgres, mysql, mariadb, sqlite, redis, command] as const;

type Written = z.output<(typeof sourceSchemas)[number]>;

/** How one database is reached, and what is dumped of it. */
export type Source = Written extends infer Each
  ? Each extends { discover?: unknown }
    ? Omit<Each, 'discover' | 'url'> & { url: Secret }
    : Each
  : never;

export type EngineName = Source['engine'];
export type SourceOf<Name extends EngineName> = Extract<Source, { engine: Name }>;
export type ServerEngine = Extract<Written, { discover?: unknown }>['engine'];
/** Which databases of a server are backed up. */
export type Discovery = z.output<ReturnType<typeof discovery>>;
export type TablePatterns = z.output<typeof tables>;

/** A source of nothing but its address, with every other setting at its default; undefined for what no engine can read. */
export function sourceOfUrl(url: string): Source | undefined {
  const engine = engineOfUrl(url);
  if (!engine) return undefined;
  const parsed = z.discriminatedUnion('engine', sourceSchemas).safeParse({ engine, url });
  return parsed.success ? (parsed.data as Source) : undefined;
}

/** The engine whose URLs begin like this one. */
export function engineOfUrl(url: string): Extract<EngineName, ServerEngine | 'redis'> | undefined {
  const protocol = protocolOf(url);
  if (protocol === 'postgresql') return 'postgres';
  if (protocol === 'rediss') return 'redis';
  return (['postgres', 'mysql', 'mariadb', 'redis'] as const).find((name) => name === protocol);
}

/** One database by its `url`, or with `discover` every database of a server, those too that are made later. */
function onServer<Name extends string, Options extends z.ZodRawShape>(
  engine: Name,
  url: ReturnType<typeof urlOf>,
  options: Options,
) {
  return z.strictObject({
    engine: z.literal(engine),
    url: url.optional(),
    discover: discovery(url).optional(),
    ...options,
  });
}

function discovery(url: ReturnType<typeof urlOf>) {
  return z.strictObject({ url, include: patterns, exclude: patterns });
}

function urlOf({ protocols, message }: { protocols: readonly string[]; message: string }) {
  return text
    .refine((url) => protocols.includes(protocolOf(url) ?? ''), { message })
    .refine(canBeDecoded, { message: 'has a "%" that begins no escape; write %25 for a plain "%"' })
    .refine((url) => !url.includes('%00'), { message: `has a %00 in it: ${noNul}` })
    .transform((value) => new Secret(value));
}

function protocolOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).protocol.slice(0, -1) : undefined;
}

function canBeDecoded(url: string): boolean {
  try {
    decodeURIComponent(url);
    return true;
  } catch {
    return false;
  }
}
