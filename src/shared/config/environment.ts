import { z } from 'zod';
import { Secret } from '../secret.ts';
import { placeOf, setOrUndefined } from './environment-source.ts';
import type { EnvironmentVariables } from './interpolate.ts';
import { configInvalid } from './problems.ts';

const port = z
  .string()
  .regex(/^\d{1,5}$/)
  .transform(Number)
  .refine((number) => number <= 65_535);

const redisUrl = z
  .string()
  .refine((url) => URL.canParse(url) && /^rediss?:$/.test(new URL(url).protocol))
  .transform((url) => new Secret(url));

const host = z.string().regex(/^[A-Za-z0-9._:-]{1,253}$/);
const logLevel = z.enum(['debug', 'info', 'warn', 'error']);
const logFormat = z.enum(['json', 'pretty']);

export type LogLevel = z.output<typeof logLevel>;
export type LogFormat = z.output<typeof logFormat>;

/** What always comes from the environment, whatever the configuration file says. */
export interface Environment {
  redisUrl: Secret | undefined;
  host: string;
  /** 0 lets the system choose. */
  port: number;
  /** 0 lets the system choose; undefined when it is not set: 9090 for up and serve, 9091 for worker. */
  metricsPort: number | undefined;
  /** Of gRPC; 0 lets the system choose. */
  grpcPort: number;
  /** As it was given; relative to the current folder. */
  dataDir: string;
  logLevel: LogLevel;
  logFormat: LogFormat | undefined;
}

/** An empty variable counts as not set. Throws one CONFIG_INVALID that names every variable that is wrong. */
export function loadEnvironment(env: EnvironmentVariables): Environment {
  const wrong: { path: [string]; message: string }[] = [];
  const read = <T>(name: string, schema: z.ZodType<T>, expected: string): T | undefined => {
    const value = setOrUndefined(env, name);
    const parsed = schema.optional().safeParse(value);
    if (!parsed.success) wrong.push({ path: [name], message: `not valid; write ${expected}` });
    return parsed.data;
  };
  const environment = {
    redisUrl: read('REDIS_URL', redisUrl, 'redis://HOST:PORT or rediss://USER:PASSWORD@HOST:PORT'),
    host: read('HOST', host, 'an IP address or a host name') ?? '127.0.0.1',
    port: read('PORT', port, 'a port from 0 to 65535') ?? 8080,
    metricsPort: read('METRICS_PORT', port, 'a port from 0 to 65535'),
    grpcPort: read('GRPC_PORT', port, 'a port from 0 to 65535') ?? 50_051,
    dataDir: setOrUndefined(env, 'BACKUPDATA_DATA_DIR') ?? '.backupdata',
    logLevel: read('LOG_LEVEL', logLevel, logLevel.options.join(' or ')) ?? 'info',
    logFormat: read('LOG_FORMAT', logFormat, logFormat.options.join(' or ')),
  };
  if (wrong.length === 0) return environment;
  throw configInvalid(wrong, {
    locate: ([name]) => placeOf(String(name)),
    hint: 'Correct or unset these environment variables.',
  });
}
