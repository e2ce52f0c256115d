import { perlStage } from './perl.ts';
import { openReport } from './report.ts';
import type { Stage } from './stage.ts';
import type { Tools } from './tools.ts';

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
  const what = 'the end of a dump is kept by it';
  const stage = await perlStage({ program, args: [String(tailBytes)], tools, what });
  const report = openReport();
  return {
    stage: { ...stage, descriptors: [report.descriptor] },
    last: report.read,
    close: report.close,
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
