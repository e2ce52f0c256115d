import { BackupDataError } from '../../../shared/errors.ts';
import { capture } from '../../process/capture.ts';
import type { EngineContext, InstalledTool } from '../engine.ts';
import { plainEnvironment } from '../system-programs.ts';

/** A program of Redis, or the one of Valkey that does the same. */
export type RedisProgram = 'cli' | 'check-rdb' | 'server';

const products = ['redis', 'valkey'] as const;

/** The path of Redis's program, else of Valkey's. TOOL_MISSING when neither is installed. */
export async function needProgram(program: RedisProgram, { tools }: EngineContext): Promise<string> {
  for (const product of products) {
    const path = await tools.find(`${product}-${program}`);
    if (path !== undefined) return path;
  }
  throw new BackupDataError('TOOL_MISSING', `redis-${program} is not installed here`, {
    hint: 'Install it (on Debian `apt-get install redis-tools`, for a drill redis-server too), or add its folder to tools.path.',
  });
}

/** What backups are made and proven with; empty when one of the two is missing. */
export async function installedTools(context: EngineContext): Promise<readonly InstalledTool[]> {
  const found = await Promise.all(
    products.flatMap((product) =>
      ['cli', 'check-rdb'].map(async (name): Promise<InstalledTool[]> => {
        const program = `${product}-${name}`;
        const path = await context.tools.find(program);
        return path === undefined ? [] : [{ program, path, version: await versionOf(path, context) }];
      }),
    ),
  );
  const tools = found.flat();
  const complete = ['cli', 'check-rdb'].every((name) => tools.some(({ program }) => program.endsWith(name)));
  return complete ? tools : [];
}

/** `7.0.15`; empty when the program does not tell. */
export async function versionOf(program: string, context: EngineContext): Promise<string> {
  const stage = { program, args: ['--version'], env: plainEnvironment(context) };
  const { stdout } = await capture(stage, { signal: context.signal, maxBytes: 64 * 1024 });
  return /\d+(?:\.\d+)+/.exec(stdout.toString('utf8'))?.[0] ?? '';
}
