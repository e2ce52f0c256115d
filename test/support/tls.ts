import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A certificate and its private key, as PEM files; the key is readable for its owner only. */
export interface KeyPair {
  cert: string;
  key: string;
}

/** A certificate authority that only a test trusts. */
export interface TestCa {
  /** Its certificate. */
  ca: string;
  /** Of a server at 127.0.0.1 and localhost, unless it was made for others. */
  server: KeyPair;
  /** Of a client whose common name is `user`. */
  client: KeyPair;
}

/**
 * Makes one in the folder, which is made if it is not there; `user` is whom the client's certificate names, `hosts` are
 * what the server's names.
 */
export async function makeTestCa(
  folder: string,
  user = 'backup',
  hosts = 'IP:127.0.0.1,DNS:localhost',
): Promise<TestCa> {
  await mkdir(folder, { recursive: true });
  const at = (name: string): string => join(folder, name);
  const authority = { cert: at('ca.crt'), key: at('ca.key') };
  await openssl([
    ...['req', '-x509', ...newKey(authority.key), '-days', '2', '-subj', '/CN=Test CA'],
    ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign', '-out', authority.cert],
  ]);
  const sign = async (name: string, subject: string, extensions: string): Promise<KeyPair> => {
    const pair = { cert: at(`${name}.crt`), key: at(`${name}.key`) };
    const [request, extension] = [at(`${name}.csr`), at(`${name}.ext`)];
    await openssl(['req', '-new', ...newKey(pair.key), '-subj', `/CN=${subject}`, '-out', request]);
    await writeFile(extension, extensions);
    await openssl([
      ...['x509', '-req', '-in', request, '-CA', authority.cert, '-CAkey', authority.key, '-CAcreateserial'],
      ...['-days', '2', '-extfile', extension, '-out', pair.cert],
    ]);
    return pair;
  };
  // One after the other: they share the authority's file of serial numbers.
  const server = await sign('server', 'server', `subjectAltName=${hosts}\n`);
  const client = await sign('client', user, 'extendedKeyUsage=clientAuth\n');
  return { ca: authority.cert, server, client };
}

/** On an elliptic curve, which takes no time to make. OpenSSL gives the file mode 0600. */
function newKey(path: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc', '-keyout', path];
}

async function openssl(args: readonly string[]): Promise<void> {
  await run('openssl', args);
}
