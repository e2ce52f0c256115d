import { createCodec } from '../../pipeline/codec/codecs.ts';
import { capture } from '../../pipeline/process/capture.ts';
import type { Tools } from '../../pipeline/process/tools.ts';
import type { Resources } from '../../pipeline/resources.ts';
import type { DatabaseConfig } from '../../shared/config/schema.ts';
import { exitCodeOf } from '../../shared/errors.ts';
import { examine, type Finding, ok, problem } from './finding.ts';

/** The program of each kind of compression and encryption that a database asks for. */
export async function checkCodecs({
  databases,
  tools,
  signal,
}: {
  databases: readonly DatabaseConfig[];
  tools: Tools;
  signal: AbortSignal;
}): Promise<readonly Finding[]> {
  const configs = databases.flatMap(({ compression, encryption }) => [compression, encryption]);
  const kinds = new Map(configs.map((config) => [config.type, config]));
  const checks = [...kinds].map(([kind, config]) =>
    examine(`tool ${kind}`, signal, async () => {
      const program = (await createCodec({ config, tools })).encode()?.program;
      return program === undefined ? [] : [await describeProgram({ kind, program, tools, signal })];
    }),
  );
  return (await Promise.all(checks)).flat();
}

/** Every installed version of the engines' own tools. Whether they are enough shows at each database. */
export async function checkEngineTools({
  databases,
  resources,
  signal,
}: {
  databases: readonly DatabaseConfig[];
  resources: Pick<Resources, 'engine' | 'context'>;
  signal: AbortSignal;
}): Promise<readonly Finding[]> {
  const engines = [...new Set(databases.map(({ engine }) => engine))];
  const checks = engines.map((name) =>
    examine(`tools of ${name}`, signal, async () => {
      const installed = await (await resources.engine(name)).installed?.(resources.context(signal));
      if (!installed) return [];
      if (installed.length === 0) return [none(name)];
      return installed.map(({ program, version, path }) => ok(`tool ${program}`, `${version} (${path})`));
    }),
  );
  return (await Promise.all(checks)).flat();
}

function none(engine: string): Finding {
  return problem(`tools of ${engine}`, {
    detail: `no ${engine} client tools are installed here`,
    hint: 'Install those of the newest server that is to be backed up.',
    exit: exitCodeOf('TOOL_MISSING'),
  });
}

async function describeProgram(options: {
  kind: string;
  program: string;
  tools: Tools;
  signal: AbortSignal;
}): Promise<Finding> {
  const { kind, program, tools, signal } = options;
  const stage = { program, args: ['--version'], env: { ...tools.environment, LC_ALL: 'C' } };
  const { stdout, stderr } = await capture(stage, { signal, maxBytes: 64 * 1024 });
  const version = /\d+(?:\.\d+)+/.exec(`${stdout.toString('utf8')}\n${stderr}`)?.[0] ?? 'of unknown version';
  return ok(`tool ${kind}`, `${version} (${program})`);
}
