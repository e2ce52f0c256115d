import { chmod, chown, link, lstat, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BackupDataError } from '../../shared/errors.ts';
import { errnoOf, unless } from '../storage/local-failure.ts';
import { absent, syncFolder } from '../storage/local-paths.ts';
import { makeOwnFolder, removeAbandoned } from './abandoned.ts';
import { guardedFile } from './failure.ts';

export interface ReplaceRequest {
  /** Absolute. Its folder must be there. */
  path: string;
  /** Whether it must not be there yet. */
  create: boolean;
  /** The file's name as the operator typed it, to replace what is there. */
  confirm: string | undefined;
  /** The name that a file which is replaced keeps, in the same folder; undefined when it goes. */
  keepAs: string | undefined;
  now: Date;
}

/** A file that is being written, and that nobody sees under the target's name before it is whole. */
export interface Replacement {
  /** An empty file, mode 0600, in a folder of its own beside the target: on the same disk. */
  path: string;
  /** Gives it the target's name, durably; notes for the operator. Throws, with the target as it was, what the file system refused. */
  publish(): Promise<readonly string[]>;
  /** Removes it, unless it was published. Harmless twice; never throws. */
  discard(): Promise<void>;
}

/**
 * Looks at the target, makes the file to write to, and removes what restores to it left there that were killed days before
 * `now`. Refuses with TARGET_EXISTS when it should be made and is there or what is there is no plain file, with
 * TARGET_NOT_EMPTY when it holds something and its name was not typed, and with USAGE where no file can be made.
 */
export async function openReplacement(request: ReplaceRequest): Promise<Replacement> {
  const { path } = request;
  await look(request);
  const kind = { root: dirname(path), prefix: `.${basename(path)}.bkd-tmp-` };
  await removeAbandoned(kind, request.now);
  const folder = await guardedFile(path, () => makeOwnFolder(kind));
  const written = join(folder, 'file');
  const discard = (): Promise<void> => rm(folder, { recursive: true, force: true }).catch(() => undefined);
  try {
    await using _made = await guardedFile(path, () => open(written, 'wx', 0o600));
    return {
      path: written,
      publish: async () => {
        const notes = await guardedFile(path, () => publish(request, written));
        await discard();
        return notes;
      },
      discard,
    };
  } catch (error) {
    await discard();
    throw error;
  }
}

type Found = Awaited<ReturnType<typeof lstat>>;

/** What is at the target; undefined when nothing is. */
async function look({ path, create, confirm, keepAs }: ReplaceRequest): Promise<Found | undefined> {
  if (confirm !== undefined && confirm !== basename(path))
    throw refused('TARGET_NOT_EMPTY', `"${confirm}" was typed as confirmation, and the target is ${path}`, {
      hint: `To replace it, type --confirm ${basename(path)}; otherwise correct the target.`,
    });
  const found = await guardedFile(path, () => unless(absent, lstat(path)));
  if (!found) return undefined;
  if (!found.isFile())
    throw refused('TARGET_EXISTS', `${path} is not a plain file`, {
      hint: 'Name the file itself, not a folder or a symbolic link.',
    });
  if (create)
    throw refused('TARGET_EXISTS', `${path} exists already`, {
      hint: 'Name another file, or restore without --create.',
    });
  if (found.size > 0 && confirm === undefined)
    throw refused('TARGET_NOT_EMPTY', `${path} holds something already`, {
      hint: `Name another file, or replace it with --confirm ${basename(path)}; --keep-old keeps it under another name.`,
    });
  if (keepAs !== undefined) await refuseTaken(join(dirname(path), keepAs));
  return found;
}

async function refuseTaken(kept: string): Promise<void> {
  if (!(await guardedFile(kept, () => unless(absent, lstat(kept))))) return;
  throw refused('TARGET_EXISTS', `${kept}, where the replaced file would be kept, exists already`, {
    hint: 'Move it away, or restore without --keep-old.',
  });
}

/** Looked at again first, because the data took a while to come. */
async function publish(request: ReplaceRequest, written: string): Promise<readonly string[]> {
  const { path, keepAs } = request;
  const found = await look(request);
  const notes = found ? await takeOver(found, written) : [];
  await sync(written);
  const kept = found && keepAs !== undefined ? await keep(path, keepAs) : undefined;
  try {
    await rename(written, path);
  } catch (error) {
    await kept?.takeBack();
    throw error;
  }
  await syncFolder(dirname(path));
  return [...notes, ...(kept ? [`what was there is now ${kept.path}`] : [])];
}

/** Whoever could read the old file can read the new one. */
async function takeOver({ uid, gid, mode }: Found, written: string): Promise<string[]> {
  await chmod(written, Number(mode) & 0o777);
  const refusedTo = await unless(
    ['EPERM', 'EINVAL'],
    chown(written, Number(uid), Number(gid)).then(() => 'given'),
  );
  return refusedTo === 'given' ? [] : ['the file belongs to another user than the one that it replaced'];
}

/** As a second name of it, so that the first is never missing; where there are no links, by another name only. */
async function keep(path: string, keepAs: string): Promise<{ path: string; takeBack(): Promise<void> }> {
  const kept = join(dirname(path), keepAs);
  try {
    await link(path, kept);
    return { path: kept, takeBack: () => rm(kept, { force: true }) };
  } catch (error) {
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(errnoOf(error) ?? '')) throw error;
  }
  await rename(path, kept);
  return { path: kept, takeBack: () => rename(kept, path) };
}

async function sync(path: string): Promise<void> {
  await using handle = await open(path, 'r');
  await handle.sync();
}

function refused(
  code: 'TARGET_EXISTS' | 'TARGET_NOT_EMPTY',
  message: string,
  { hint }: { hint: string },
): BackupDataError {
  return new BackupDataError(code, message, { hint });
}
