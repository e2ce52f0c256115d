import { Secret } from '../../../shared/secret.ts';
import type { Stage } from '../../process/stage.ts';
import type { EngineContext } from '../engine.ts';
import type { Connection, Tls } from './connection.ts';
import type { Flavour } from './version.ts';

/**
 * A client program that reaches the server by a file of options that has no name on any disk, so that nothing of the
 * connection appears in its arguments; no other file of options is read.
 */
export function clientStage(
  { program, args }: { program: string; args: readonly string[] },
  { connection, tools }: { connection: Connection; tools: { flavour: Flavour } },
  context: Pick<EngineContext, 'tools'>,
): Stage {
  return {
    program,
    args: ['--defaults-file=/dev/fd/3', ...args],
    env: plainEnvironment(context),
    files: [optionsFile(connection, tools.flavour)],
  };
}

/** For programs that open no connection too. Messages are in English, so that what they say can be understood. */
export function plainEnvironment({ tools }: Pick<EngineContext, 'tools'>): Readonly<Record<string, string>> {
  // MySQL's programs would read the user's own log-in file behind any other, and obey it.
  return { ...tools.environment, LC_ALL: 'C', MYSQL_TEST_LOGIN_FILE: '/dev/null/none' };
}

/** Statements name no database that the connection does not name: the client selects it. */
export function optionsFile(connection: Connection, flavour: Flavour): Secret {
  const { host, port, socket, user, password, tls } = connection;
  const where: Options =
    socket === undefined ? { protocol: 'TCP', host, port: String(port) } : { protocol: 'SOCKET', socket };
  const options: Options = {
    ...where,
    user,
    password: password?.reveal() ?? '',
    'default-character-set': 'utf8mb4',
    ...(flavour === 'mysql' ? mysqlTls(tls) : mariadbTls(tls)),
  };
  const lines = Object.entries(options).map(([name, value]) =>
    value === true ? name : `${name}=${quote(value)}`,
  );
  return new Secret(['[client]', ...lines, ''].join('\n'));
}

type Options = Readonly<Record<string, string | true>>;

function mysqlTls({ mode, ...files }: Tls): Options {
  return { 'ssl-mode': mode, ...filesOf(files) };
}

/**
 * MariaDB's client has no modes: it encrypts where the server can, or it also verifies. What `REQUIRED` asks for, a session
 * looks at (`requireEncryption`); `VERIFY_CA` verifies the name too, which is more than it asks for.
 */
function mariadbTls({ mode, ...files }: Tls): Options {
  if (mode === 'DISABLED') return { 'skip-ssl': true };
  const verify = mode === 'VERIFY_CA' || mode === 'VERIFY_IDENTITY';
  return { ssl: true, 'ssl-verify-server-cert': verify ? '1' : '0', ...filesOf(files) };
}

function filesOf({ ca, cert, key }: Omit<Tls, 'mode'>): Options {
  return {
    ...(ca === undefined ? {} : { 'ssl-ca': ca }),
    ...(cert === undefined ? {} : { 'ssl-cert': cert }),
    ...(key === undefined ? {} : { 'ssl-key': key }),
  };
}

function quote(value: string): string {
  const escapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
  return `"${value.replaceAll(/[\\"]/g, '\\$&').replaceAll(/[\n\r\t]/g, (each) => escapes[each] ?? each)}"`;
}
