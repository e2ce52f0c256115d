import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { TokenConfig } from '../../shared/config/access-schema.ts';
import { newToken } from './tokens.ts';

const stored = z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/) });

/**
 * The admin token of an `up` whose configuration has none: made at the first start with a data directory, where only its hash
 * stays. `made` is the token itself, that one time.
 */
export async function firstToken(options: {
  dataDir: string;
  randomBytes: (count: number) => Uint8Array;
}): Promise<{ config: TokenConfig; made: string | null }> {
  const { dataDir, randomBytes } = options;
  const path = join(dataDir, 'first-token.json');
  const known = await readFile(path, 'utf8').then(
    (text) => stored.parse(JSON.parse(text)),
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    },
  );
  if (known) return { config: configOf(known.sha256), made: null };
  const { token, sha256 } = newToken(randomBytes);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await writeFile(`${path}.new`, `${JSON.stringify({ sha256 })}\n`, { mode: 0o600 });
  await chmod(`${path}.new`, 0o600);
  await rename(`${path}.new`, path);
  return { config: configOf(sha256), made: token };
}

function configOf(sha256: string): TokenConfig {
  return { name: 'first', role: 'admin', sha256 };
}
