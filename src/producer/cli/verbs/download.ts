import { resolve } from 'node:path';
import type { DownloadRequest } from '../../../pipeline/download.ts';
import type { WrittenFile } from '../../../pipeline/file/new-files.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import type { ManifestPart } from '../../../shared/manifest.ts';
import { type LocatedBackup, locateBackup } from '../../operations/locate.ts';
import { unreadWarnings } from '../../operations/unread.ts';
import { backupArgument } from '../backup-argument.ts';
import type { CliContext } from '../context.ts';
import { type Meter, startMeter } from '../output/meter.ts';
import { verb } from '../verb.ts';

interface Options {
  backup: string;
  part: string | undefined;
  decode: boolean;
  output: string;
  storage: string | undefined;
}

const toStdout = '-';

export const downloadVerb = verb<Options>({
  command: 'download <backup>',
  describe: 'Fetch the files of a backup, each checked against its hash',
  exits: {
    0: 'done; every byte that was written is the one that was backed up',
    1: 'damaged, not decodable, or the reader of stdout went away',
    3: 'no such backup, part or storage',
    4: 'a file of that name exists',
    5: 'a storage cannot be read, or the disk is full',
  },
  builder: (parser) =>
    parser
      .positional('backup', backupArgument)
      .option('output', {
        alias: 'o',
        type: 'string',
        demandOption: true,
        requiresArg: true,
        describe: 'A folder for all parts; a file for one, or - for stdout',
      })
      .option('part', {
        type: 'string',
        requiresArg: true,
        describe: 'Only this part, its volumes in one: data.dump, for example',
      })
      .option('decode', {
        type: 'boolean',
        default: false,
        describe: 'Decrypted and decompressed, not as it is stored',
      })
      .option('storage', { type: 'string', requiresArg: true, describe: 'Look only in this storage' })
      .option('here', { type: 'boolean', default: false, describe: 'In this process, as always' })
      .example(
        '$0 download shop -o shop-files',
        'The files of the latest backup of `shop`, RESTORE.md among them',
      )
      .example(
        '$0 download shop --part data.dump --decode -o shop.dump',
        'The latest dump of `shop`, for pg_restore',
      ),
  run,
});

async function run(context: CliContext, options: Options): Promise<number> {
  const { backup, storage, part: name } = options;
  if (name === undefined && options.output === toStdout) {
    throw new BackupDataError('USAGE', 'only one part can go to stdout', {
      hint: 'Name it with --part, or a folder with -o.',
    });
  }
  const [config, resources] = [await context.config(), await context.resources()];
  const located = await locateBackup({ resources, config, backup, storage, signal: context.signal });
  for (const warning of unreadWarnings(located, context.clock())) context.say(`warning: ${warning}`);
  const { partByName } = await import('../../../pipeline/download.ts');
  const part = name === undefined ? undefined : partByName(located.manifest, name);
  if (part) refuseTerminal(context, part, options);
  const files = await download(context, located, { ...options, part });
  // What went to stdout is the result already.
  if (files) context.print(await resultOf({ located, files, options }));
  return 0;
}

/** Undefined when it went to stdout. */
async function download(
  context: CliContext,
  { manifest, storage }: LocatedBackup,
  { part, decode, output }: { part: ManifestPart | undefined; decode: boolean; output: string },
): Promise<WrittenFile[] | undefined> {
  // What is stored as it is, for people, is never encoded, and needs no key.
  const encoded = part?.kind !== 'instructions';
  const codecs = decode && encoded ? await (await context.resources()).codecsOf(manifest) : null;
  const expectedBytes = (part ? [part] : manifest.parts)
    .flatMap(({ volumes }) => volumes)
    .reduce((sum, { bytes }) => sum + bytes, 0);
  const meter = startMeter(context, { name: manifest.backupId, expectedBytes });
  try {
    meter.phase('download');
    return await deliver(context, { manifest, storage, codecs, ...hooks(context, meter) }, { part, output });
  } finally {
    meter.done();
  }
}

function hooks({ signal }: CliContext, { bytes }: Meter): Pick<DownloadRequest, 'signal' | 'onBytes'> {
  return { signal, onBytes: bytes };
}

async function deliver(
  context: CliContext,
  request: DownloadRequest,
  { part, output }: { part: ManifestPart | undefined; output: string },
): Promise<WrittenFile[] | undefined> {
  const { downloadFile, downloadFolder, downloadStream } = await import('../../../pipeline/download.ts');
  const { randomBytes } = await import('node:crypto');
  const place = { randomText: () => randomBytes(6).toString('hex') };
  if (!part) return downloadFolder({ ...request, ...place, folder: resolve(output) });
  if (output !== toStdout) return downloadFile({ ...request, ...place, part, path: resolve(output) });
  const { openStdoutSink } = await import('../output/stdout-sink.ts');
  const sink = await openStdoutSink(context.host.stdout, request.signal);
  await downloadStream({ ...request, part, sink: sink.write });
  await sink.finish();
  return undefined;
}

/** A dump would garble a terminal. */
function refuseTerminal({ host }: CliContext, part: ManifestPart, { output, decode }: Options): void {
  const isText = part.kind === 'instructions' || (decode && part.name.endsWith('.sql'));
  if (output !== toStdout || host.stdout.isTTY !== true || isText) return;
  throw new BackupDataError('USAGE', `part ${part.name} is binary, and stdout is a terminal`, {
    hint: 'Pipe it into a program, or name a file with -o PATH.',
  });
}

async function resultOf(result: {
  located: LocatedBackup;
  files: readonly WrittenFile[];
  options: Options;
}): Promise<{ document: unknown; text: string }> {
  const { located, files, options } = result;
  const { formatBytes } = await import('../../../shared/config/units.ts');
  const { backupId } = located.manifest;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const what = options.part ?? `${files.length} files`;
  return {
    document: { backupId, files, decoded: options.decode },
    text: `${backupId}  ${what}  ${formatBytes(bytes)}  ${resolve(options.output)}`,
  };
}
