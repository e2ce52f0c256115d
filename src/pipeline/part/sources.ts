import { BackupDataError, type ErrorCode, joinErrors } from '../../shared/errors.ts';
import type { ManifestPart, ManifestVolume } from '../../shared/manifest.ts';
import type { Storage } from '../storage/storage.ts';
import { checkVolume } from './read.ts';

/** Chooses, for each volume, the storage that it is read from: copies of a backup are byte-identical, so any will do. */
export interface Sources {
  /**
   * Tries the storages in their order until one has nothing wrong, and gives that one; a storage that could not be read
   * before comes last. When all have something wrong, one error names each of them.
   */
  choose(part: ManifestPart, tryOne: (storage: Storage) => Promise<Fault | undefined>): Promise<Storage>;
  /** A sentence for each part that was not read from the first storage, and why. */
  notes(): readonly string[];
}

/** What is wrong with what a storage holds of a volume, or with the storage itself. */
export type Fault = BackupDataError;

const damaged: readonly ErrorCode[] = ['OBJECT_DAMAGED', 'OBJECT_NOT_FOUND'];
const away: readonly ErrorCode[] = ['STORAGE_UNAVAILABLE', 'STORAGE_AUTH', 'STORAGE_MISSING'];

export function createSources(storages: readonly Storage[]): Sources {
  const unreadable = new Map<Storage, Fault>();
  const notes = new Set<string>();
  return {
    choose: async (part, tryOne) => {
      const order = storages.toSorted((a, b) => Number(unreadable.has(a)) - Number(unreadable.has(b)));
      const faults = new Map(unreadable);
      for (const storage of order) {
        const fault = await tryOne(storage);
        if (!fault) {
          const passedOver = storages.slice(0, storages.indexOf(storage));
          const reasons = passedOver.flatMap((each) => faults.get(each) ?? []);
          if (reasons.length > 0) notes.add(noteOf(part, storage, reasons));
          return storage;
        }
        faults.set(storage, fault);
        if (away.includes(fault.code)) unreadable.set(storage, fault);
      }
      throw inNone(part, [...faults.values()]);
    },
    notes: () => [...notes],
  };
}

/** The failure of a read as a fault of its storage; anything that says nothing of the storage is thrown on. */
export function asFault(error: unknown, signal: AbortSignal): Fault {
  signal.throwIfAborted();
  if (error instanceof BackupDataError && (damaged.includes(error.code) || away.includes(error.code)))
    return error;
  throw error;
}

/** Where the right bytes of each volume of a backup are. */
export interface ProvenVolumes {
  storageOf: (volume: ManifestVolume) => Storage;
  notes: readonly string[];
}

/** Reads and hashes every volume of the parts, each in the first of the storages that has its right bytes. Fails as `Sources` does. */
export async function proveVolumes(request: {
  storages: readonly [Storage, ...Storage[]];
  /** The database's folder, with its trailing slash. */
  folder: string;
  parts: readonly ManifestPart[];
  signal: AbortSignal;
  onBytes: (count: number) => void;
}): Promise<ProvenVolumes> {
  const { storages, parts, signal } = request;
  const sources = createSources(storages);
  const chosen = new Map<string, Storage>();
  for (const part of parts) {
    for (const volume of part.volumes) {
      const storage = await sources.choose(part, (each) =>
        checkVolume({ ...request, part, storage: each }, volume).then(
          () => undefined,
          (error) => asFault(error, signal),
        ),
      );
      chosen.set(volume.key, storage);
    }
  }
  return { storageOf: ({ key }) => chosen.get(key) ?? storages[0], notes: sources.notes() };
}

function noteOf(part: ManifestPart, storage: Storage, faults: readonly Fault[]): string {
  const reasons = faults.map(({ message }) => message.replace(`part ${part.name}: `, ''));
  return `part ${part.name} was read from storage ${storage.name}: ${reasons.join('; ')}`;
}

function inNone(part: ManifestPart, faults: readonly Fault[]): BackupDataError {
  const [first, ...others] = faults;
  if (first) return joinErrors([first, ...others]);
  return new BackupDataError('INTERNAL', `there is no storage to read part ${part.name} from`);
}
