import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** Runs statements with MariaDB's own client, and gives the rows of all of them, a value as text; NULL is null. */
export async function statements(url: string, sql: string): Promise<(string | null)[][]> {
  const { program, args, env } = commandFor(url);
  const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  const [output, complaint]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => complaint.push(chunk));
  child.stdin.on('error', () => undefined);
  child.stdin.end(sql);
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`mariadb ended with ${code}: ${Buffer.concat(complaint)}`);
  return Buffer.concat(output).toString('utf8').split('\n').slice(0, -1).map(readRow);
}

/** The client and how it reaches a URL's server and database. Encryption is not asked for. */
export function commandFor(url: string): { program: string; args: string[]; env: NodeJS.ProcessEnv } {
  const { hostname, port, username, password, pathname } = new URL(url);
  const [user, secret, database] = [username, password, pathname.slice(1)].map(decodeURIComponent);
  return {
    program: 'mariadb',
    args: [
      ...['--no-defaults', '--protocol=tcp', `--host=${hostname}`, `--port=${port}`, `--user=${user}`],
      ...['--batch', '--skip-column-names', '--unbuffered', '--default-character-set=utf8mb4'],
      ...(database ? [`--database=${database}`] : []),
    ],
    env: { ...process.env, MYSQL_PWD: secret },
  };
}

function readRow(line: string): (string | null)[] {
  const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', '0': '\0', '\\': '\\' };
  return line
    .split('\t')
    .map((text) =>
      text === 'NULL' ? null : text.replaceAll(/\\(.)/g, (_, each: string) => escapes[each] ?? each),
    );
}

/** A client that repeats what `sql` gives for each turn until it is stopped; `turns` counts those that the server has done. */
export function keepWriting(
  url: string,
  sql: (turn: number) => string,
): { turns(): number; stop(): Promise<void> } {
  const { program, args, env } = commandFor(url);
  const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  let [turns, stopped] = [0, false];
  const send = (): void => {
    child.stdin.write(`${sql(turns)}\nSELECT 'done';\n`);
  };
  createInterface({ input: child.stdout }).on('line', () => {
    turns += 1;
    if (!stopped) send();
  });
  send();
  return {
    turns: () => turns,
    stop: async () => {
      stopped = true;
      child.stdin.end();
      const [code] = (await closed) as [number | null];
      if (code !== 0) throw new Error(`the writing client ended with ${code}`);
    },
  };
}
