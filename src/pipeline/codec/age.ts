import type { Duplex } from 'node:stream';
import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import type { BackupDataError } from '../../shared/errors.ts';
import { Secret } from '../../shared/secret.ts';
import { duplexOf } from '../process/duplex.ts';
import type { StageFailure } from '../process/failure.ts';
import type { Tools } from '../process/tools.ts';
import type { Codec } from './codec.ts';
import { anyFits, identityMissing, recipientsOf } from './identities.ts';
import { findProgram } from './program.ts';

/**
 * Age for one attempt of a backup. It also encrypts to a key pair of its own, made here, which lives in memory only and ends
 * with the attempt: with it the attempt reads the beginning of what it stored back, without any configured identity.
 * That takes nothing from a worker's not being able to read backups: while the attempt lasts, this process has the dump
 * itself, and afterwards nobody has that key. The manifest names the configured recipients only.
 */
export async function createAgeEncoder({
  recipients,
  tools,
}: {
  recipients: readonly string[];
  tools: Tools;
}): Promise<Codec> {
  const own = await generateX25519Identity();
  return createAge({
    what: 'what this attempt stored',
    recipients,
    encryptTo: [...recipients, await identityToRecipient(own)],
    identities: [new Secret(own)],
    tools,
  });
}

/**
 * Age for what a manifest names. IDENTITY_MISSING when none of the identities is for one of its recipients; where it names
 * none that can be compared, age itself must tell.
 */
export async function createAgeDecoder({
  params,
  backupId,
  identities,
  tools,
}: {
  params: Codec['params'];
  backupId: string;
  identities: readonly Secret[];
  tools: Tools;
}): Promise<Codec> {
  const recipients = recipientsOf(params);
  const what = `backup ${backupId}`;
  const hopeless = recipients.length > 0 && !(await anyFits(identities, recipients));
  if (identities.length === 0 || hopeless)
    throw identityMissing(what, { recipients, identities: identities.length });
  return createAge({ what, recipients, encryptTo: recipients, identities, tools });
}

interface AgeOptions {
  /** What is decrypted, for messages. */
  what: string;
  recipients: readonly string[];
  encryptTo: readonly string[];
  identities: readonly Secret[];
  tools: Tools;
}

async function createAge({ what, recipients, encryptTo, identities, tools }: AgeOptions): Promise<Codec> {
  const program = await findProgram(tools, ['age']);
  const keys = new Secret(identities.map((identity) => `${identity.reveal()}\n`).join(''));
  const missing = (cause: unknown): BackupDataError =>
    identityMissing(what, { recipients, identities: identities.length, cause });
  return {
    name: 'age',
    extension: 'age',
    params: { recipients: recipients.join(' ') },
    detectsDamage: true,
    encode: () => ({ program, args: ['--encrypt', ...encryptTo.map((key) => `--recipient=${key}`)] }),
    decode: () => ({ program, args: ['--decrypt', '--identity=/dev/fd/3'], files: [keys] }),
    inProcess: { encode: () => encrypting(encryptTo), decode: () => decrypting(identities, missing) },
    stock: {
      command: 'age --decrypt --identity "${IDENTITY:-identity.txt}"',
      needs: `The files are encrypted with age to ${recipients.join(', ')}: IDENTITY, or "identity.txt", is the file that holds the secret key of one of these.`,
    },
    explain: (failure) => (isRefusal(failure) ? missing(failure) : undefined),
  };
}

/** What age and its library say when no key fits; of a single identity, newer releases say it in other words. */
const refusal = /\bidentit(y|ies)\b.*\bmatch(ed)?\b.*\brecipients\b/;

function isRefusal({ exits }: StageFailure): boolean {
  return exits.some(({ stderr }) => /^age: /m.test(stderr) && refusal.test(stderr));
}

function encrypting(recipients: readonly string[]): Duplex {
  return duplexOf(async function* (source) {
    const encrypter = new Encrypter();
    for (const recipient of recipients) encrypter.addRecipient(recipient);
    yield* await encrypter.encrypt(ReadableStream.from(source));
  });
}

/**
 * Gives each chunk out once it is authentic, before those that follow: of a file that is damaged late, the beginning is
 * decrypted, as by the program. Who uses it must wait for its end, or want no more than a beginning.
 */
function decrypting(identities: readonly Secret[], missing: (cause: unknown) => BackupDataError): Duplex {
  return duplexOf(async function* (source) {
    const decrypter = new Decrypter();
    for (const identity of identities) decrypter.addIdentity(identity.reveal());
    try {
      for await (const chunk of await decrypter.decrypt(ReadableStream.from(pieces(source))))
        if (chunk.length > 0) yield chunk;
    } catch (error) {
      throw error instanceof Error && refusal.test(error.message) ? missing(error) : error;
    }
  });
}

/** At most one block of age each: of several in one piece, those before a bad one would be lost with it. */
async function* pieces(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const block = 64 * 1024;
  for await (const chunk of source)
    for (let at = 0; at < chunk.length; at += block) yield chunk.subarray(at, at + block);
}
