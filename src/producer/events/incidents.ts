import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { EventKind } from '../../shared/config/notifier-schema.ts';
import { redisPrefix } from '../../shared/queues/names.ts';
import type { RunEvent } from '../../shared/queues/run-event.ts';

const recordSchema = z.object({
  state: z.enum(['open', 'over']),
  /** Milliseconds since 1970: when it opened, and when this was last changed. */
  since: z.number(),
  at: z.number(),
  /** Of the event that told it. */
  id: z.string(),
  /** What it was about, such as a backup. */
  subject: z.string().nullable(),
});

/** What is known of the last incident of one kind. */
export type IncidentRecord = z.output<typeof recordSchema>;

/** What may be wrong with a database, one of a kind at a time; a copy for each of its storages, a verification for each level. */
export interface IncidentKey {
  kind: EventKind;
  database: string;
  /** `prune`, `copy` and the storage's name, or (`verify` and) a level; a backup where it is not given. */
  of?: string;
}

/**
 * One alert for each incident, and one for its end. What is told goes first: a crash in between has it told again under the
 * same id, which whoever passes it on knows. What is older than what was last seen of an incident changes nothing,
 * so that producers that are not equally far neither open it again nor close the next one. A Redis that lost everything is
 * told again what was open.
 */
export interface Incidents {
  /** Tells the event unless such an incident is open already. */
  open(key: IncidentKey, news: { at: Date; event: RunEvent; subject?: string }): Promise<void>;
  /** Ends it, if one is open. Where `isOver` is given, it must agree. */
  close(
    key: IncidentKey,
    news: { at: Date; recovery: (of: IncidentRecord) => RunEvent; isOver?: (of: IncidentRecord) => boolean },
  ): Promise<void>;
  all(): Promise<{ key: IncidentKey; record: IncidentRecord }[]>;
  forget(keys: readonly IncidentKey[]): Promise<void>;
}

/** Does not put an older state over a newer one of another producer. */
const putUnlessNewer = `
  local stored = redis.call('HGET', KEYS[1], ARGV[1])
  if stored then
    local ok, record = pcall(cjson.decode, stored)
    if ok and type(record) == 'table' and type(record.at) == 'number' and record.at > tonumber(ARGV[2]) then return 0 end
  end
  return redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])`;

export function createIncidents(options: {
  redis: Redis;
  installation: string;
  tell: (event: RunEvent) => Promise<void>;
}): Incidents {
  const { redis, installation, tell } = options;
  const hash = `${redisPrefix(installation)}:incidents`;
  const known = new Map<string, IncidentRecord>();
  const get = async (key: IncidentKey) => restored(fieldOf(key), parse(await redis.hget(hash, fieldOf(key))));
  const put = async (key: IncidentKey, record: IncidentRecord): Promise<void> => {
    const [field, text] = [fieldOf(key), JSON.stringify(record)];
    await redis.eval(putUnlessNewer, 1, hash, field, String(record.at), text);
    known.set(field, record);
  };
  /** Nobody but this process forgets one that is open of a database that it has. */
  const restored = async (field: string, stored: IncidentRecord | undefined) => {
    if (stored) known.set(field, stored);
    const record = known.get(field);
    if (stored || record?.state !== 'open') return stored;
    await redis.hsetnx(hash, field, JSON.stringify(record));
    return record;
  };
  return {
    open: async (key, { at, event, subject = null }) => {
      const record = await get(key);
      const now = at.getTime();
      if (record && (record.state === 'open' || record.at >= now || record.id === event.id)) return;
      await tell(event);
      await put(key, { state: 'open', since: now, at: now, id: event.id, subject });
    },
    close: async (key, { at, recovery, isOver = () => true }) => {
      const record = await get(key);
      if (record?.state !== 'open' || record.at > at.getTime() || !isOver(record)) return;
      await tell(recovery(record));
      await put(key, { ...record, state: 'over', at: at.getTime() });
    },
    all: async () => {
      const stored = new Map(Object.entries(await redis.hgetall(hash)));
      const found: Awaited<ReturnType<Incidents['all']>> = [];
      for (const field of new Set([...known.keys(), ...stored.keys()])) {
        const record = await restored(field, parse(stored.get(field) ?? null));
        const key = keyOf(field);
        if (key && record) found.push({ key, record });
      }
      return found;
    },
    forget: async (keys) => {
      if (keys.length > 0) await redis.hdel(hash, ...keys.map(fieldOf));
      for (const key of keys) known.delete(fieldOf(key));
    },
  };
}

/** No name has a slash in it. */
function fieldOf({ kind, database, of }: IncidentKey): string {
  return [kind, database, ...(of === undefined ? [] : [of])].join('/');
}

function keyOf(field: string): IncidentKey | undefined {
  const [kind, database, ...of] = field.split('/');
  if (kind === undefined || database === undefined) return undefined;
  return { kind: kind as EventKind, database, ...(of.length > 0 && { of: of.join('/') }) };
}

function parse(text: string | null): IncidentRecord | undefined {
  try {
    return recordSchema.parse(JSON.parse(text ?? ''));
  } catch {
    return undefined;
  }
}
