import { type Discovered, discover } from '../../pipeline/discover.ts';
import type { Resources } from '../../pipeline/resources.ts';
import type { ServerConfig } from '../../shared/config/schema.ts';
import { exitCodeOf } from '../../shared/errors.ts';
import { listSome } from '../../shared/list-some.ts';
import { checkDatabase } from './database.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

const shown = 20;

/** Asks the server what would be backed up, and goes with the first of it as far as a backup does before it dumps. */
export async function checkServer(options: {
  server: ServerConfig;
  resources: Pick<Resources, 'engine' | 'context'>;
  signal: AbortSignal;
}): Promise<readonly Finding[]> {
  const { server, resources, signal } = options;
  const { name, engine } = server.template;
  const context = resources.context(signal);
  const found = await discover({ server, engine: await resources.engine(engine), context });
  const { databases } = found;
  const incomplete = [...unnameable(name, found), ...missing(name, found)];
  const [first] = databases;
  if (!first) return [...incomplete, none(name)];
  return [
    ok(
      `server ${name}`,
      `backs up ${listSome(
        databases.map((database) => database.name),
        shown,
      )}`,
    ),
    ...incomplete,
    ...(await checkDatabase({ database: first, resources, signal })),
  ];
}

function none(server: string): Finding {
  return warning(
    `server ${server}`,
    'it has no database that would be backed up',
    'See `discover.include` and `discover.exclude` of this entry.',
  );
}

function unnameable(server: string, found: Discovered): Finding[] {
  return found.unnameable.map(({ name, why }) =>
    problem(`server ${server}`, {
      detail: `the name of its database ${JSON.stringify(name)} ${why}`,
      hint: 'Leave it out here by `discover.exclude`, and give it an entry of its own with `url`, or another name.',
      exit: exitCodeOf('CONFIG_INVALID'),
    }),
  );
}

function missing(server: string, found: Discovered): Finding[] {
  return found.missing.map((name) =>
    problem(`server ${server}`, {
      detail: `its database ${JSON.stringify(name)}, which \`discover.include\` names, is missing or cannot be connected to`,
      hint: 'Correct the name (upper and lower case count), or take it out of `discover.include`.',
      exit: exitCodeOf('DATABASE_MISSING'),
    }),
  );
}
