import { exitCodeOf } from '../../shared/errors.ts';
import { connectRedis, requireRedis } from '../../shared/redis.ts';
import type { Secret } from '../../shared/secret.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

const oldest = { major: 6, minor: 2 };

/** Version, eviction and persistence, of one INFO. Throws REDIS_UNAVAILABLE when it does not answer. */
export async function checkRedis(url: Secret): Promise<readonly Finding[]> {
  const redis = connectRedis({ url, role: 'client', onError: () => undefined });
  try {
    await requireRedis(redis);
    const { host, port, path } = redis.options;
    const facts = parseInfo(await redis.info());
    return [
      versionFinding(facts, path ?? `${host}:${port}`),
      evictionFinding(facts),
      persistenceFinding(facts),
    ];
  } finally {
    redis.disconnect();
  }
}

type Facts = ReadonlyMap<string, string>;

function parseInfo(text: string): Facts {
  const lines = text.split(/\r?\n/).filter((line) => line.includes(':') && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}

function versionFinding(facts: Facts, address: string): Finding {
  const version = facts.get('redis_version') ?? '0';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const enough = major > oldest.major || (major === oldest.major && minor >= oldest.minor);
  if (enough) return ok('redis', `Redis ${version} at ${address}`);
  return problem('redis', {
    detail: `Redis at ${address} is ${version}; ${oldest.major}.${oldest.minor} is the oldest that works`,
    hint: 'Upgrade it.',
    exit: exitCodeOf('TOOL_TOO_OLD'),
  });
}

function evictionFinding(facts: Facts): Finding {
  const name = 'redis eviction';
  const policy = facts.get('maxmemory_policy') ?? 'unknown';
  if (policy === 'noeviction') return ok(name, 'noeviction: Redis never drops a job to save memory');
  return problem(name, {
    detail: `maxmemory-policy is ${policy}: Redis may drop jobs to save memory`,
    hint: 'Set `maxmemory-policy noeviction` in its configuration.',
    exit: exitCodeOf('CONFIG_INVALID'),
  });
}

function persistenceFinding(facts: Facts): Finding {
  const name = 'redis persistence';
  if (facts.get('aof_enabled') === '1') return ok(name, 'append-only file: jobs outlive a restart of Redis');
  return warning(
    name,
    'no append-only file: a restart of Redis loses the jobs since its last snapshot, though no backup',
    'Set `appendonly yes` in its configuration.',
  );
}
