/** What globals.sql says of one role. */
export interface RoleDefinition {
  name: string;
  /** `CREATE ROLE`, `ALTER ROLE` and `COMMENT ON ROLE`, in the order that they need. */
  statements: readonly string[];
  /** It is a role that someone logs in as; globals.sql holds no passwords. */
  login: boolean;
}

export interface Membership {
  granted: string;
  member: string;
  /** Without the grantor, who need not exist on another server. */
  statement: string;
}

const identifier = '("(?:[^"]|"")+"|[^\\s;"]+)';
const create = new RegExp(`^CREATE ROLE ${identifier}$`);
const change = new RegExp(`^(?:ALTER ROLE|COMMENT ON ROLE) ${identifier} (WITH|SET|IS)\\b([\\s\\S]*)$`);
const grant = new RegExp(`^GRANT ${identifier} TO ${identifier}([\\s\\S]*)$`);

/** The roles and memberships in what pg_dumpall wrote. Tablespaces and everything else are left where they are. */
export function parseGlobals(sql: string): {
  roles: readonly RoleDefinition[];
  memberships: readonly Membership[];
} {
  const statements = splitStatements(sql);
  const roles = statements.flatMap((statement) => {
    const name = create.exec(statement)?.[1];
    return name === undefined ? [] : [defineRole(name, statements)];
  });
  const memberships = statements.flatMap((statement) => {
    const [, granted, member, options] = grant.exec(statement) ?? [];
    if (granted === undefined || member === undefined) return [];
    const kept = (options ?? '').replace(/\s+GRANTED BY [\s\S]*$/, '');
    return [
      {
        granted: unquote(granted),
        member: unquote(member),
        statement: `GRANT ${granted} TO ${member}${kept}`,
      },
    ];
  });
  return { roles, memberships };
}

function defineRole(quoted: string, statements: readonly string[]): RoleDefinition {
  const own = statements.filter((statement) => change.exec(statement)?.[1] === quoted);
  const attributes =
    own.map((statement) => change.exec(statement)).find((match) => match?.[2] === 'WITH')?.[3] ?? '';
  return {
    name: unquote(quoted),
    statements: [`CREATE ROLE ${quoted}`, ...own],
    login: /\bLOGIN\b/.test(attributes),
  };
}

/** Statements without their semicolons; comments and psql's own commands are dropped where they stand between statements. */
function splitStatements(sql: string): string[] {
  const statements: string[] = [];
  const token = /'(?:[^']|'')*'|"(?:[^"]|"")*"|;|(?<=^|\n)[ \t]*(?:--|\\)[^\n]*/g;
  let statement = '';
  let from = 0;
  for (const match of sql.matchAll(token)) {
    statement += sql.slice(from, match.index);
    from = match.index + match[0].length;
    if (/^['"]/.test(match[0])) statement += match[0];
    if (match[0] !== ';') continue;
    statements.push(statement.trim());
    statement = '';
  }
  return statements.filter((each) => each !== '');
}

function unquote(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}
