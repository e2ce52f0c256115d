import { setTimeout as wait } from 'node:timers/promises';
import { createTools, type Tools } from '../../pipeline/process/tools.ts';
import type { Resources } from '../../pipeline/resources.ts';
import type { Environment } from '../../shared/config/environment.ts';
import type { ConfigFiles } from '../../shared/config/files.ts';
import type { Config } from '../../shared/config/schema.ts';
import type { ErrorDocument } from '../../shared/errors.ts';
import type { Host, OutputStream } from './host.ts';
import { plain } from './output/text.ts';
import type { ServerChoice } from './server-options.ts';

/** What every verb needs, made when it is first asked for: start-up time is what people feel. */
export interface CliContext {
  host: Host;
  json: boolean;
  /** The producer to work through; undefined where this process does it by way of Redis. */
  server: ServerChoice | undefined;
  signal: AbortSignal;
  environment(): Promise<Environment>;
  config(): Promise<Config>;
  /** Where `config` came from. */
  configFiles(): Promise<ConfigFiles>;
  tools(): Promise<Tools>;
  resources(): Promise<Resources>;
  /** Of another configuration than `config`. */
  resourcesOf(config: Config): Promise<Resources>;
  clock(): Date;
  wait(milliseconds: number, signal: AbortSignal): Promise<unknown>;
  /** The result on stdout: `document` with --json, else `text`. */
  print(result: { document: unknown; text: string }): void;
  /** One line for people on stderr; nothing with --json. */
  say(line: string): void;
  /** A failure on stderr: a sentence and its hint, or an `error` document with --json. */
  complain(error: ErrorDocument): void;
}

export function createCliContext({
  host,
  configFile,
  server,
  json,
}: {
  host: Host;
  configFile: string | undefined;
  server: ServerChoice | undefined;
  json: boolean;
}): CliContext {
  const environment = once(async () => {
    const { loadEnvironment } = await import('../../shared/config/environment.ts');
    return loadEnvironment(host.env);
  });
  const configFiles = once(async () => {
    const { createConfigFiles } = await import('../../shared/config/files.ts');
    return createConfigFiles({ file: configFile, env: host.env });
  });
  const config = once(async () => (await configFiles()).load());
  const toolsOf = ({ toolPath: only }: Config): Tools =>
    createTools({ path: host.env.PATH ?? '', only, home: host.env.HOME });
  const tools = once(async () => toolsOf(await config()));
  const resourcesWith = async (config: Config, tools: Tools): Promise<Resources> => {
    const { createResources } = await import('../../pipeline/resources.ts');
    return createResources({ config, tools });
  };
  return {
    host,
    json,
    server,
    signal: host.signal,
    environment,
    config,
    configFiles,
    tools,
    resources: once(async () => resourcesWith(await config(), await tools())),
    resourcesOf: (config) => resourcesWith(config, toolsOf(config)),
    clock: () => new Date(),
    wait: (milliseconds, signal) => wait(milliseconds, undefined, { signal }),
    print: ({ document, text }) => {
      if (json) host.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
      else if (text !== '') host.stdout.write(`${text}\n`);
    },
    say: (line) => {
      if (!json) host.stderr.write(`${line}\n`);
    },
    complain: (error) => complain({ stderr: host.stderr, json, error }),
  };
}

export function complain({
  stderr,
  json,
  error,
}: {
  stderr: OutputStream;
  json: boolean;
  error: ErrorDocument;
}): void {
  if (json) stderr.write(`${JSON.stringify({ error })}\n`);
  else
    stderr.write(
      [`error: ${sentences(error)}`, ...(error.hint === null ? [] : [plain(error.hint)])]
        .map((line) => `${line}\n`)
        .join(''),
    );
}

/** An error quotes what it was given; only that of a configuration has a line for each thing that is wrong. */
function sentences({ code, message }: ErrorDocument): string {
  return code === 'CONFIG_INVALID' ? message.split('\n').map(plain).join('\n') : plain(message);
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
