import { closeSync, fstatSync, readSync } from 'node:fs';
import { BackupDataError } from '../../shared/errors.ts';
import type { Stage } from './stage.ts';
import type { Tools } from './tools.ts';
import { openUnnamed } from './unnamed-files.ts';

/** How much of the end is kept, in bytes. */
const tailBytes = 4096;

/** A stage for the middle of a pipeline that passes everything on, and remembers the end of it. */
export interface TailStage {
  stage: Stage;
  /** The last bytes that passed, once the stage has ended well; at most 4 KiB. */
  last(): Buffer;
  /** Harmless twice. */
  close(): void;
}

/**
 * Perl copies a mebibyte at a time, and leaves the end in a file without a name: `tee` into `tail` does the same in steps of
 * 8 KiB and through one more pipe, and took three times as long. TOOL_MISSING where it is not installed.
 */
export async function openTailStage(tools: Tools): Promise<TailStage> {
  const perl = await tools.find('perl');
  if (perl === undefined)
    throw new BackupDataError('TOOL_MISSING', 'perl is not installed, and the end of a dump is kept by it', {
      hint: 'Install it (on Debian `apt-get install perl-base`), or add its folder to tools.path in the configuration.',
    });
  const descriptor = openUnnamed();
  let open = true;
  return {
    stage: { program: perl, args: ['-e', program, String(tailBytes)], env: {}, descriptors: [descriptor] },
    last: () => {
      const end = Buffer.alloc(fstatSync(descriptor).size);
      readSync(descriptor, end, 0, end.length, 0);
      return end;
    },
    close: () => {
      if (open) closeSync(descriptor);
      open = false;
    },
  };
}

/**
 * Writes all that it reads, then its last bytes into descriptor 3. A read or write that fails ends it with an error. Pipes of
 * a mebibyte (F_SETPIPE_SZ of Linux) let it copy more at a time; where they are refused, it goes on with what it has.
 */
const program = `
use strict;
my $kept = shift;
my ($block, $end) = ('', '');
if ($^O eq 'linux') { fcntl($_, 1031, 1 << 20) for *STDIN, *STDOUT; }
while (1) {
  my $read = sysread(STDIN, $block, 1 << 20);
  die "read: $!\\n" unless defined $read;
  last if $read == 0;
  for (my $written = 0; $written < $read;) {
    my $more = syswrite(STDOUT, $block, $read - $written, $written);
    die "write: $!\\n" unless defined $more;
    $written += $more;
  }
  $end = $block if $read >= $kept;
  $end .= $block if $read < $kept;
  $end = substr($end, -$kept) if length $end > $kept;
}
open(my $file, '>&=', 3) or die "descriptor 3: $!\\n";
my $kept_now = syswrite($file, $end);
die "descriptor 3: $!\\n" unless defined $kept_now && $kept_now == length $end;
`;
