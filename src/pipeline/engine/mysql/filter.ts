import type { Stage } from '../../process/stage.ts';
import type { EngineContext } from '../engine.ts';
import { awkStage } from './awk.ts';
import { identifier } from './session.ts';

/** How a dump must differ to be restored where it goes. */
export interface Rewriting {
  /** The database that the dump is of. */
  source: string;
  /** The database that is restored into. */
  database: string;
  /** Views, triggers, events and routines then act in the name of who restores them. */
  withoutDefiners: boolean;
  /** No event runs in the restored database. */
  withoutRunningEvents: boolean;
  /** For a client that takes the first line for a command that it does not know. */
  withoutSandbox: boolean;
}

/**
 * Rewrites a dump line by line. Rows are never touched: their lines begin with INSERT or a parenthesis, and a line break in a
 * value is written as an escape. The text of a routine holds any line, so what is rewritten is told by its place: what stands
 * between two DELIMITER lines ends with `;;`, and what defines an object is the line right behind one that is known.
 *
 * A dump names its source where a view reads another database too or calls a function, where a default value comes from a
 * sequence, and where somebody wrote it before a trigger's name or table. Restored under another name such a trigger would
 * be made in the source. A view's text is the server's own, with every name in backticks; the head of a trigger is as it
 * was typed, and what is before a dot in it can be nothing but the trigger's own database.
 */
export function filterStage(rewriting: Rewriting, context: EngineContext): Promise<Stage> {
  const { source, database } = rewriting;
  const env = {
    SOURCE: identifier(source),
    TARGET: identifier(database),
    WITHOUT_DEFINERS: flag(rewriting.withoutDefiners),
    WITHOUT_RUNNING_EVENTS: flag(rewriting.withoutRunningEvents),
    WITHOUT_SANDBOX: flag(rewriting.withoutSandbox),
  };
  return awkStage({ program: rewriter, env }, context);
}

function flag(set: boolean): string {
  return set ? '1' : '';
}

const rewriter = String.raw`
BEGIN {
  source = ENVIRON["SOURCE"]; target = ENVIRON["TARGET"]
  name = "(${'`'}([^${'`'}]|${'``'})*${'`'}|\"([^\"]|\"\")*\")"
  definer = "DEFINER=" name "(@" name ")?"
}
!inside && /^(INSERT |\()/ { print; next }
{ behind = opened; opened = ""; terminated = ended; ended = /;;$/ }
NR == 1 && ENVIRON["WITHOUT_SANDBOX"] && /^\/\*M?!999999\\- / { next }
!inside && /^DELIMITER ;;$/ { inside = 1; opened = "text"; print; next }
terminated && /^DELIMITER ;$/ { inside = 0; print; next }
inside && /^\/\*!50003 SET time_zone +=.*;;$/ { opened = "event"; print; next }
!inside && /^\/\*!50001 CREATE ALGORITHM=[A-Z]+ \*\/$/ { opened = "view"; print; next }
/^ALTER DATABASE / { print collation($0); next }
behind == "view" { opened = "query" }
# Where a role defines a view, all of it is on one line.
!inside && /^\/\*!50001 CREATE ALGORITHM=[A-Z]+ DEFINER=/ { behind = "query" }
ENVIRON["WITHOUT_DEFINERS"] && behind == "view" { sub("^/\\*!50013 " definer " SQL ", "/*!50013 SQL ") }
ENVIRON["WITHOUT_DEFINERS"] && behind == "query" { $0 = withoutDefiner($0) }
ENVIRON["WITHOUT_DEFINERS"] && behind == "text" {
  sub("^/\\*!50003 CREATE\\*/ /\\*!50017 " definer "\\*/ ", "/*!50003 CREATE*/ ")
  sub("^CREATE " definer " ", "CREATE ")
}
ENVIRON["WITHOUT_DEFINERS"] && behind == "event" {
  sub("^/\\*!50106 CREATE\\*/ /\\*!50117 " definer "\\*/ ", "/*!50106 CREATE*/ ")
}
ENVIRON["WITHOUT_RUNNING_EVENTS"] && behind == "event" && match($0, / ON COMPLETION (NOT )?PRESERVE (ENABLE|DISABLE( ON SLAVE)?) /) {
  # One that is preserved is made even where its time has come since the dump.
  $0 = substr($0, 1, RSTART - 1) " ON COMPLETION PRESERVE DISABLE " substr($0, RSTART + RLENGTH)
}
source == target { print; next }
behind == "text" && /^\/\*!50003 CREATE\*\/ / { print trigger($0); next }
behind == "query" { $0 = moved($0, 0) }
!inside && /^  ${'`'}/ { $0 = moved($0, 1) }
{ print }

# Around an object that was made under another collation; it names the source, which may be on this very server.
function collation(statement, rest) {
  if (!match(statement, /^ALTER DATABASE ${'`'}([^${'`'}]|${'``'})*${'`'} /)) return statement
  rest = substr(statement, RLENGTH + 1)
  if (rest !~ (inside ? "^CHARACTER SET [a-z0-9_]+ COLLATE [a-z0-9_]+ ;;$" : "^CHARACTER SET [a-z0-9_]+ COLLATE [a-z0-9_]+ ;$"))
    return statement
  return "ALTER DATABASE " target " " rest
}

function withoutDefiner(text, start) {
  if (!match(text, "^/\\*!50001 CREATE ALGORITHM=[A-Z]+ ")) return text
  start = substr(text, 1, RLENGTH)
  text = substr(text, RLENGTH + 1)
  sub("^" definer " ", "", text)
  return start text
}

# The text with the source's name changed wherever it is that of a database. Before a column it may be an alias too, which
# other says, or a view that has such a name in it.
function moved(text, other, count, at, result) {
  if (!index(text, source ".")) return text
  count = tokenize(text)
  for (at = 1; at <= count && tokens[at] != "AS"; at++);
  for (; at <= count; at++) if (tokens[at] == source && tokens[at - 1] != "." && tokens[at + 1] != ".") other = 1
  for (at = 1; at <= count; at++) result = result (isDatabase(at, other) ? target : tokens[at])
  return result
}

function isDatabase(at, other) {
  if (tokens[at] != source || tokens[at - 1] == "." || tokens[at + 1] != ".") return 0
  if (!other || tokens[at + 3] ~ /^[.(]$/) return 1
  return tokens[at - 1] == "(" && tokens[at - 2] ~ /^(nextval|lastval|setval)$/
}

# Its head ends with FOR EACH ROW, on this line or a later one.
function trigger(text, line) {
  while (!headEnd(text) && !ended && (getline line) > 0) { text = text "\n" line; ended = line ~ /;;$/ }
  return movedHead(headEnd(text))
}

# The number of the token that the head in the text ends with; zero where the text ends before.
function headEnd(text, count, at, words) {
  count = tokenize(text)
  for (at = 1; at <= count; at++) {
    if (isGap(tokens[at])) continue
    words = words " " tolower(tokens[at])
    if (words ~ / for each row$/) break
  }
  total = count
  return at > count ? 0 : at
}

function movedHead(end, at, behind_, begun, result) {
  for (at = 1; at <= total; at++) {
    for (behind_ = at + 1; isGap(tokens[behind_]); behind_++);
    result = result (begun && at < end && isName(tokens[at]) && tokens[behind_] == "." ? target : tokens[at])
    if (tolower(tokens[at]) == "trigger") begun = 1
  }
  return result
}

function isName(token) { return token ~ /^([${'`'}"]|[A-Za-z0-9_$\200-\377])/ }

function isGap(token) { return token ~ /^([ \t\r\n]|--|#)/ || isComment(token) }

function isComment(text) { return text ~ /^\/\*/ && text !~ /^\/\*M?!/ }

function tokenize(text, count, size) {
  for (count = 0; text != ""; text = substr(text, size + 1)) {
    size = sizeOf(text)
    tokens[++count] = substr(text, 1, size)
  }
  tokens[count + 1] = tokens[count + 2] = tokens[count + 3] = ""
  return count
}

# Of the token that the text begins with; one that has no end goes to the text's.
function sizeOf(text) {
  if (match(text, /^[ \t\r\n]+/) || match(text, /^[A-Za-z0-9_$\200-\377]+/)) return RLENGTH
  if (match(text, /^(#|--[ \t])[^\n]*/) || match(text, "^" name)) return RLENGTH
  if (match(text, /^'([^'\\]|\\.|'')*'/)) return RLENGTH
  if (!isComment(text)) return 1
  return index(substr(text, 3), "*/") ? index(substr(text, 3), "*/") + 3 : length(text)
}`;
