import type { CompressionConfig, EncryptionConfig } from '../../shared/config/policy-schema.ts';
import { BackupDataError } from '../../shared/errors.ts';
import type { Secret } from '../../shared/secret.ts';
import type { Tools } from '../process/tools.ts';
import type { Codec } from './codec.ts';
import { createGzip } from './gzip.ts';
import { createNone } from './none.ts';
import { createZstd } from './zstd.ts';

/**
 * The codec that a database's `compression` or `encryption` asks for, for one attempt. TOOL_MISSING when its program is not
 * installed.
 */
export async function createCodec({
  config,
  tools,
}: {
  config: CompressionConfig | EncryptionConfig;
  tools: Tools;
}): Promise<Codec> {
  switch (config.type) {
    case 'zstd':
      return createZstd({ level: config.level, tools });
    case 'gzip':
      return createGzip({ level: config.level, tools });
    case 'age':
      return (await import('./age.ts')).createAgeEncoder({ recipients: config.recipients, tools });
    case 'none':
      return createNone();
  }
}

/**
 * The codec that a manifest names, to decode with. FORMAT_UNSUPPORTED for one that this release does not know, IDENTITY_MISSING
 * for one that none of the identities can open, TOOL_MISSING as above.
 */
export async function codecFromManifest(recorded: {
  name: string;
  params: Codec['params'];
  /** For messages. */
  backupId: string;
  identities: readonly Secret[];
  tools: Tools;
}): Promise<Codec> {
  const { name, params, backupId, identities, tools } = recorded;
  switch (name) {
    case 'zstd':
      return createZstd({ level: levelOf(params, 1), tools });
    case 'gzip':
      return createGzip({ level: levelOf(params, 6), tools });
    case 'age':
      return (await import('./age.ts')).createAgeDecoder({ params, backupId, identities, tools });
    case 'none':
      return createNone();
    default:
      throw new BackupDataError(
        'FORMAT_UNSUPPORTED',
        `the backup was encoded with "${name}", which this release cannot decode`,
        {
          hint: 'Use the release of backupdata that wrote it or a newer one, or follow the RESTORE.md beside its parts.',
        },
      );
  }
}

/** Decoding does not depend on the level, so an odd one must not stop a restore; it never reaches a command line either. */
function levelOf(params: Codec['params'], otherwise: number): number {
  const { level } = params;
  return typeof level === 'number' && Number.isInteger(level) && level > 0 ? level : otherwise;
}
