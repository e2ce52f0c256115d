import { drillPlaceOf } from '../../shared/config/drill-places.ts';
import type { Config } from '../../shared/config/schema.ts';
import { findDatabase } from '../../shared/config/servers.ts';
import { BackupDataError } from '../../shared/errors.ts';
import type { Manifest } from '../../shared/manifest.ts';
import type { VerifyLevel } from '../../shared/verification.ts';

/**
 * The configured database on whose server a verification restores; undefined where it needs none. USAGE where a drill has no
 * server to be held on: it is never the source's by default; and where one is named that is not needed.
 */
export function drillTargetOf({
  level,
  target,
  config,
  manifest: { database, engine },
}: {
  level: VerifyLevel;
  target: string | undefined;
  config: Config;
  manifest: Manifest;
}): string | undefined {
  if (level !== 'restore') return undefined;
  if (drillPlaceOf(engine.name) !== 'on a server') return refuseTarget(engine.name, target);
  const name = target ?? findDatabase(config, database)?.verify.target;
  if (name !== undefined) return name;
  throw new BackupDataError(
    'USAGE',
    `level restore needs a server to restore to, and verify.target of "${database}" names none`,
    { hint: 'Name a configured database whose server may be used: --target NAME.' },
  );
}

/** USAGE where a level that restores nothing is given a target. */
export function refuseIdleTarget({
  level,
  target,
}: {
  level: VerifyLevel;
  target?: string | undefined;
}): void {
  if (target === undefined || level === 'restore') return;
  throw new BackupDataError('USAGE', `--target is for level restore; level ${level} restores nothing`, {
    hint: 'Leave it out, or ask for --level restore.',
  });
}

function refuseTarget(engine: string, target: string | undefined): undefined {
  if (target === undefined) return undefined;
  throw new BackupDataError('USAGE', `--target names a server, and a backup of ${engine} needs none`, {
    hint: 'Leave it out.',
  });
}
