import type { Source } from '../../shared/config/schema.ts';

const ports: Readonly<Record<string, string>> = {
  postgres: '5432',
  mysql: '3306',
  mariadb: '3306',
  redis: '6379',
};

/** Where a database lives, as people know it: `host:port`, a path, or the engine's name. Without credentials and parameters. */
export function addressOf(source: Source): string {
  if (source.engine === 'sqlite') return source.path;
  if (source.engine === 'command') return source.engine;
  const url = source.url.reveal();
  return URL.canParse(url) ? addressIn(new URL(url), source.engine) : source.engine;
}

function addressIn({ hostname, port, searchParams }: URL, engine: string): string {
  const host = searchParams.get('socket') ?? searchParams.get('host') ?? decoded(hostname);
  if (host.startsWith('/')) return host;
  const name = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  return `${name || 'localhost'}:${searchParams.get('port') ?? (port || ports[engine])}`;
}

/** A socket's folder may stand where a host does. */
function decoded(hostname: string): string {
  try {
    return decodeURIComponent(hostname);
  } catch {
    return hostname;
  }
}
