import { open, rm } from 'node:fs/promises';
import { BackupDataError } from '../../../shared/errors.ts';
import type { CliContext } from '../context.ts';
import { verb } from '../verb.ts';

interface Options {
  output: string | undefined;
}

export const keygenVerb = verb<Options>({
  command: 'keygen',
  describe: 'Make a key pair for encrypted backups',
  exits: { 4: 'the file exists already' },
  builder: (parser) =>
    parser
      .option('output', {
        alias: 'o',
        type: 'string',
        requiresArg: true,
        describe: 'Write the secret key to this new file, and print the public key',
      })
      .example('$0 keygen -o shop.key', 'Then put the public key under encryption.recipients'),
  run,
});

async function run(context: CliContext, { output }: Options): Promise<number> {
  const { generateX25519Identity, identityToRecipient } = await import('age-encryption');
  const identity = await generateX25519Identity();
  const recipient = await identityToRecipient(identity);
  const createdAt = context
    .clock()
    .toISOString()
    .replace(/\.\d+Z$/, 'Z');
  const file = `# created: ${createdAt}\n# public key: ${recipient}\n${identity}\n`;
  if (output === undefined) {
    context.print({ document: { recipient, identity, createdAt }, text: file.trimEnd() });
    return 0;
  }
  await writeNew(output, file);
  context.print({ document: { recipient, file: output, createdAt }, text: recipient });
  context.say(
    `Put this public key under encryption.recipients. Keep ${output} where restores run, and one copy elsewhere: without it no backup can be read.`,
  );
  return 0;
}

/** Whole, or not at all. A key that is replaced by another is lost with every backup that it opens. */
async function writeNew(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EEXIST' ? exists(path, error) : notWritten(path, error);
  });
  try {
    await file.writeFile(text);
    await file.sync();
    await file.close();
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(path, { force: true });
    throw notWritten(path, error);
  }
}

function exists(path: string, cause: unknown): BackupDataError {
  return new BackupDataError(
    'TARGET_EXISTS',
    `the file ${path} exists already, and a key is never replaced`,
    {
      hint: 'Choose another name: backups that its key opens need it as long as they are kept.',
      cause,
    },
  );
}

function notWritten(path: string, cause: unknown): BackupDataError {
  const code = (cause as NodeJS.ErrnoException).code ?? 'it is unknown why';
  return new BackupDataError('USAGE', `the file ${path} could not be written (${code})`, {
    hint: 'Name a file in a folder that exists and may be written to.',
    cause,
  });
}
