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
 * value is written as an escape. The text of a routine holds any line, so what is rewritten is told by its place: between
 * two DELIMITER lines a statement ends with `;;`, and no line of a text can end so; what defines an object is the line right
 * behind one that is known.
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
{ behind = opened; opened = "" }
NR == 1 && ENVIRON["WITHOUT_SANDBOX"] && /^\/\*M?!999999\\- / { next }
/^DELIMITER ;;$/ { inside = 1; opened = "text"; print; next }
/^DELIMITER ;$/ { inside = 0; print; next }
inside && /^\/\*!50003 SET time_zone +=.*;;$/ { opened = "event"; print; next }
!inside && /^\/\*!50001 CREATE ALGORITHM=[A-Z]+ \*\/$/ { opened = "view"; print; next }
/^ALTER DATABASE / { print collation($0); next }
ENVIRON["WITHOUT_DEFINERS"] && behind == "view" { sub("^/\\*!50013 " definer " SQL ", "/*!50013 SQL ") }
ENVIRON["WITHOUT_DEFINERS"] && behind == "text" {
  sub("^/\\*!50003 CREATE\\*/ /\\*!50017 " definer "\\*/ ", "/*!50003 CREATE*/ ")
  sub("^CREATE " definer " ", "CREATE ")
}
ENVIRON["WITHOUT_DEFINERS"] && behind == "event" {
  sub("^/\\*!50106 CREATE\\*/ /\\*!50117 " definer "\\*/ ", "/*!50106 CREATE*/ ")
}
ENVIRON["WITHOUT_RUNNING_EVENTS"] && behind == "event" && match($0, / ON COMPLETION (NOT )?PRESERVE ENABLE /) {
  $0 = substr($0, 1, RSTART + RLENGTH - 9) " DISABLE " substr($0, RSTART + RLENGTH)
}
!inside && source != target && /^  ${'`'}/ { $0 = column($0) }
{ print }

# Around an object that was made under another collation; it names the source, which may be on this very server.
function collation(statement, rest) {
  if (!match(statement, /^ALTER DATABASE ${'`'}([^${'`'}]|${'``'})*${'`'} /)) return statement
  rest = substr(statement, RLENGTH + 1)
  if (rest !~ (inside ? "^CHARACTER SET [a-z0-9_]+ COLLATE [a-z0-9_]+ ;;$" : "^CHARACTER SET [a-z0-9_]+ COLLATE [a-z0-9_]+ ;$"))
    return statement
  return "ALTER DATABASE " target " " rest
}

# A default value that comes from a sequence names the source too, before any quoted text of the column.
function column(text) { return renamed("lastval(", renamed("nextval(", text)) }

function renamed(call, text, at, quote) {
  while ((at = index(text, call source ".")) > 0) {
    quote = index(text, "'")
    if (quote > 0 && quote < at) break
    text = substr(text, 1, at + length(call) - 1) target substr(text, at + length(call source))
  }
  return text
}`;
