import { chmod } from 'node:fs/promises';
import { constants } from 'node:os';
import { dyingWithParent } from './child.ts';
import { perlStage } from './perl.ts';
import { openReport } from './report.ts';
import type { Stage } from './stage.ts';
import type { Tools } from './tools.ts';

/** A stage that reads a file from its beginning while it is written. */
export interface GrowingFile {
  /** Writes what the file holds and what is added to it, until it is sealed. */
  stage: Stage;
  /** Once the stage has ended well. */
  checked(): CheckedFile;
  /** Harmless twice. */
  close(): void;
}

export interface CheckedFile {
  /** How many bytes the stage wrote, whatever the file holds by now. */
  bytes: number;
  /** How the checker ended. */
  code: number | null;
  signal: NodeJS.Signals | null;
  /** What it wrote to stdout and stderr. */
  said: Buffer;
}

/**
 * Every byte that the stage writes is given to a checker too, so that what is stored is what was checked. The checker may end
 * before the rest. The file must be there, and whoever writes it only adds to it, but for the last `heldBack` bytes, which he
 * may take away again. TOOL_MISSING without Perl.
 *
 * Perl, because the checker must read an unnamed pipe, which Node cannot make: one that opens /dev/stdin would wait for ever
 * for the writer of a named one that is gone already.
 */
export async function openGrowingFile(options: {
  path: string;
  /** Bytes. */
  heldBack: number;
  checker: Pick<Stage, 'program' | 'args' | 'env'>;
  tools: Tools;
}): Promise<GrowingFile> {
  const { path, heldBack, checker, tools } = options;
  const [first, rest] = dyingWithParent([checker.program, checker.args]);
  const args = [path, String(heldBack), first, ...rest];
  const what = 'a dump is read by it while it is written';
  const stage = await perlStage({ program, args, tools, what });
  const report = openReport();
  return {
    stage: { ...stage, env: checker.env ?? {}, descriptors: [report.descriptor] },
    checked: () => parseReport(report.read()),
    close: report.close,
  };
}

function parseReport(report: Buffer): CheckedFile {
  const at = report.lastIndexOf('\n');
  const [bytes = 0, code = 0, killedBy] = report
    .toString('latin1', at + 1)
    .split(' ')
    .map(Number);
  const signal = Object.entries(constants.signals).find(([, number]) => number === killedBy)?.[0] ?? null;
  const ended = { code: signal === null ? code : null, signal: signal as NodeJS.Signals | null };
  return { bytes, ...ended, said: report.subarray(0, at) };
}

/** Says that nothing more is added to the file. */
export async function seal(path: string): Promise<void> {
  await chmod(path, 0o400);
}

/**
 * Whether the file is sealed is asked before it is read to its end, so that what was added in between is read in the next
 * round. Descriptor 3 has what the checker writes, and after it a line with the bytes that were written, its exit code, and the
 * number of the signal that ended it, or 0. Without the process that started it, nobody would seal the file.
 * Pipes of a mebibyte, as in `tail-stage.ts`.
 */
const program = `
use strict;
my ($path, $kept, @checker) = @ARGV;
my $parent = getppid();
$SIG{PIPE} = 'IGNORE';
open(my $file, '<:raw', $path) or die "$path: $!\\n";
pipe(my $given, my $checked) or die "pipe: $!\\n";
my $checker = fork;
die "fork: $!\\n" unless defined $checker;
if (!$checker) {
  $SIG{PIPE} = 'DEFAULT';
  open(STDIN, '<&', $given) or die "$!\\n";
  open(STDERR, '>&3') or die "$!\\n";
  open(STDOUT, '>&3') or die "$!\\n";
  exec { $checker[0] } @checker or die "$checker[0]: $!\\n";
}
close($given);
if ($^O eq 'linux') { fcntl($_, 1031, 1 << 20) for *STDOUT, $checked; }
my ($held, $block, $wanted, $total) = ('', '', 1, 0);
while (1) {
  my $size = (stat $file)[7];
  my $sealed = !((stat _)[2] & 0200);
  my $read = sysread($file, $block, 1 << 20);
  die "$path: $!\\n" unless defined $read;
  $held .= $block if $read > 0;
  next if $read > 0 && pass(length($held) - $kept);
  if ($sealed && $read == 0) {
    die "$path became shorter while it was read\\n" if $total > $size;
    pass($size - $total);
    last;
  }
  die "who started this is gone\\n" if getppid() != $parent;
  select(undef, undef, undef, 0.01);
}
close($checked);
waitpid($checker, 0);
my ($code, $signal) = ($? >> 8, $? & 127);
open(my $report, '>&=', 3) or die "descriptor 3: $!\\n";
syswrite($report, "\\n$total $code $signal") or die "descriptor 3: $!\\n";

sub pass {
  my $count = shift;
  return 0 if $count <= 0;
  my $bytes = substr($held, 0, $count, '');
  $total += length $bytes;
  write_all(*STDOUT, $bytes) or die "write: $!\\n";
  $wanted &&= write_all($checked, $bytes);
  return 1;
}

sub write_all {
  my ($to, $bytes) = @_;
  for (my $written = 0; $written < length $bytes;) {
    my $more = syswrite($to, $bytes, length($bytes) - $written, $written);
    return 0 unless defined $more;
    $written += $more;
  }
  return 1;
}
`;
