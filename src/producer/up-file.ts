import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const schema = z.object({
  pid: z.int(),
  redisUrl: z.string(),
  http: z.string(),
  grpc: z.string(),
  metrics: z.string(),
});

/** Where a running `backupdata up` is, for the commands beside it. Holds a password: mode 0600. */
export type UpFile = z.output<typeof schema>;

/**
 * What the `up` of that data directory wrote, if its process is alive. In a container that is started again, the new
 * process often has the number of the one that was killed: one's own number is never another's.
 */
export async function readUpFile(dataDir: string): Promise<UpFile | undefined> {
  try {
    const parsed = schema.parse(JSON.parse(await readFile(pathIn(dataDir), 'utf8')));
    return parsed.pid !== process.pid && isAlive(parsed.pid) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

export async function writeUpFile(dataDir: string, content: UpFile): Promise<void> {
  const path = pathIn(dataDir);
  await writeFile(`${path}.new`, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

export async function removeUpFile(dataDir: string): Promise<void> {
  await rm(pathIn(dataDir), { force: true });
}

function pathIn(dataDir: string): string {
  return join(dataDir, 'up.json');
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
