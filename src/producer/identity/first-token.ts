import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { TokenConfig } from '../../shared/config/access-schema.ts';
import { newToken } from './tokens.ts';

const stored = z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/) });

/** The admin token of an `up` whose configuration has none. */
export interface FirstToken {
  config: TokenConfig;
  /** Of one that was made just now: the token itself. Null for one that was shown at an earlier start. */
  made: string | null;
  /** Keeps its hash for the starts that follow. To be called once it was shown: what nobody saw nobody can use. */
  keep(): Promise<void>;
}

/** The one of a data directory, where only its hash is; where there is none, a new one. */
export async function firstToken(options: {
  dataDir: string;
  randomBytes: (count: number) => Uint8Array;
}): Promise<FirstToken> {
  const { dataDir, randomBytes } = options;
  const path = join(dataDir, 'first-token.json');
  const known = await readHash(path);
  if (known !== undefined) return { config: configOf(known), made: null, keep: async () => undefined };
  const { token, sha256 } = newToken(randomBytes);
  const keep = async (): Promise<void> => {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await writeFile(`${path}.new`, `${JSON.stringify({ sha256 })}\n`, { mode: 0o600 });
    await rename(`${path}.new`, path);
  };
  return { config: configOf(sha256), made: token, keep };
}

/** A file that cannot be read as one of ours is as none: another token is made, and shown. */
async function readHash(path: string): Promise<string | undefined> {
  try {
    return stored.parse(JSON.parse(await readFile(path, 'utf8'))).sha256;
  } catch {
    return undefined;
  }
}

function configOf(sha256: string): TokenConfig {
  return { name: 'first', role: 'admin', sha256 };
}
