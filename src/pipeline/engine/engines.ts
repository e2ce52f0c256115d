import { BackupDataError } from '../../shared/errors.ts';
import type { Engine } from './engine.ts';
import { createPostgresEngine } from './postgres/engine.ts';

/**
 * A new engine of that name. Keep it for the life of the process: it remembers what it learned of its tools.
 * FORMAT_UNSUPPORTED for a name that only a manifest of another release can hold.
 */
export function engineFor(name: string): Engine {
  switch (name) {
    case 'postgres':
      return createPostgresEngine();
    default:
      throw new BackupDataError('FORMAT_UNSUPPORTED', `this release has no engine "${name}"`, {
        hint: 'Use a newer release of backupdata for this backup.',
      });
  }
}
