import { BackupDataError } from '../../shared/errors.ts';
import type { Manifest, ManifestPart } from '../../shared/manifest.ts';

/** What a restore reads. MANIFEST_INVALID when there is none. */
export function dataPartOf(manifest: Manifest): ManifestPart {
  const part = manifest.parts.find((each) => each.kind === 'data');
  if (part) return part;
  throw new BackupDataError('MANIFEST_INVALID', `the manifest of ${manifest.backupId} names no data`, {
    hint: 'Use another backup: `backupdata list`.',
  });
}
