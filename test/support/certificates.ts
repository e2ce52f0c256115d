import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** The PEM files of one certificate. */
export interface Certificate {
  cert: string;
  key: string;
}

/** An authority of a test, which nobody else trusts. */
export interface Authority {
  /** Its own certificate, a PEM file. */
  ca: string;
  /** A certificate for these names, as `DNS:localhost` or `IP:127.0.0.1`; for a client, any. */
  issue(name: string, subjects: readonly string[]): Promise<Certificate>;
}

const run = promisify(execFile);

/** Makes its files in the folder. */
export async function createAuthority(folder: string, name: string): Promise<Authority> {
  const [ca, caKey] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
  const own = ['-x509', '-days', '2', '-subj', `/CN=${name}`, '-keyout', caKey, '-out', ca];
  await run('openssl', ['req', ...newKey, ...own]);
  return {
    ca,
    issue: async (subject, subjects) => {
      const path = (extension: string) => join(folder, `${name}-${subject}.${extension}`);
      await run('openssl', [
        'req',
        ...newKey,
        '-subj',
        `/CN=${subject}`,
        '-keyout',
        path('key'),
        '-out',
        path('csr'),
      ]);
      await writeFile(path('names'), `subjectAltName=${subjects.join(',')}\n`);
      const signing = [
        '-CA',
        ca,
        '-CAkey',
        caKey,
        '-CAcreateserial',
        '-days',
        '2',
        '-extfile',
        path('names'),
      ];
      await run('openssl', ['x509', '-req', '-in', path('csr'), ...signing, '-out', path('crt')]);
      return { cert: path('crt'), key: path('key') };
    },
  };
}

/** Of an elliptic curve, which takes no time to make. */
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
