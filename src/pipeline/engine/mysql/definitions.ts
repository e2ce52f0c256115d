import type { Stage } from '../../process/stage.ts';
import type { EngineContext } from '../engine.ts';
import { awkStage } from './awk.ts';
import { isCurrent } from './same-name.ts';

/** What a dump defines. A trigger's name is somewhere in its own text, so triggers are only counted. */
export interface Definitions {
  /** `TABLE customer`, `VIEW expensive`, `SEQUENCE counter`, `FUNCTION one`, `EVENT tidy` and so on. */
  objects: ReadonlySet<string>;
  triggers: number;
}

/**
 * Reads a dump and prints the lines that `parseDefinitions` reads. By their place: a routine's text holds any line, and
 * is left out from the line that opens it to the one that closes it.
 */
export function definitionsStage(context: EngineContext): Promise<Stage> {
  return awkStage({ program: printer }, context);
}

const printer = `
!inside && /^(INSERT |\\()/ { next }
{ terminated = ended || first; ended = /;;$/ }
terminated && /^\\/\\*!50106 DROP EVENT IF EXISTS \`.*;;$/ { print; next }
!inside && /^DELIMITER ;;$/ { inside = 1; first = 1; next }
terminated && /^DELIMITER ;$/ { inside = 0; next }
inside { if (first && /^\\/\\*!50003 CREATE\\*\\/ /) print "TRIGGER"; first = 0; next }
/^CREATE (TABLE|SEQUENCE) \`/ { print; next }
/^\\/\\*!50001 (CREATE ALGORITHM=[A-Z]+ DEFINER=.* )?VIEW \`/ { print; next }
/^\\/\\*!50003 DROP (FUNCTION|PROCEDURE|PACKAGE|PACKAGE BODY) IF EXISTS \`/ { print; next }
/^\\/\\*!50106 DROP EVENT IF EXISTS \`/ { print }`;

const line =
  /^(?:CREATE (TABLE|SEQUENCE)|\/\*!50001 (?:CREATE ALGORITHM=[A-Z]+ DEFINER=`(?:[^`]|``)*` SQL SECURITY [A-Z]+ )?(VIEW)|\/\*!50003 DROP (FUNCTION|PROCEDURE|PACKAGE|PACKAGE BODY) IF EXISTS|\/\*!50106 DROP (EVENT) IF EXISTS) `((?:[^`]|``)*)`/;

/** Reads what `definitionsStage` prints. */
export function parseDefinitions(text: string): Definitions {
  const lines = text.split('\n');
  const objects = lines.flatMap((each) => {
    const match = line.exec(each);
    const kind = match?.slice(1, 5).find((word) => word !== undefined);
    return kind === undefined ? [] : [`${kind} ${match?.[5]?.replaceAll('``', '`')}`];
  });
  return { objects: new Set(objects), triggers: lines.filter((each) => each === 'TRIGGER').length };
}

/** What the session's database holds, as `Definitions`: a row with its one member for each, triggers with their table's name. */
export const definitionsQuery = `
  SELECT JSON_OBJECT('object', CONCAT(
      CASE TABLE_TYPE WHEN 'VIEW' THEN 'VIEW ' WHEN 'SEQUENCE' THEN 'SEQUENCE ' ELSE 'TABLE ' END, TABLE_NAME))
    FROM information_schema.TABLES WHERE ${isCurrent('TABLE_SCHEMA')};
  SELECT JSON_OBJECT('object', CONCAT(ROUTINE_TYPE, ' ', ROUTINE_NAME))
    FROM information_schema.ROUTINES WHERE ${isCurrent('ROUTINE_SCHEMA')};
  SELECT JSON_OBJECT('object', CONCAT('EVENT ', EVENT_NAME))
    FROM information_schema.EVENTS WHERE ${isCurrent('EVENT_SCHEMA')};
  SELECT JSON_OBJECT('trigger', EVENT_OBJECT_TABLE)
    FROM information_schema.TRIGGERS WHERE ${isCurrent('TRIGGER_SCHEMA')};
`;

export interface DefinitionRow {
  object?: string;
  trigger?: string;
}

/** What there is of `rows`, without the triggers of tables that are `left`. */
export function definitionsOf(
  rows: readonly DefinitionRow[],
  left: ReadonlySet<string> = new Set(),
): Definitions {
  const triggers = rows.flatMap(({ trigger }) => trigger ?? []);
  return {
    objects: new Set(rows.flatMap(({ object }) => object ?? [])),
    triggers: triggers.filter((table) => !left.has(table)).length,
  };
}

/** What the first has and the second lacks, as `TRIGGER (2 of 3)` or `VIEW expensive`. Only of the kinds that are asked for. */
export function lackOf(expected: Definitions, found: Definitions, kinds: RegExp = /^/): string[] {
  const known = new Set([...found.objects].map((each) => each.toLowerCase()));
  const objects = [...expected.objects].filter((each) => kinds.test(each) && !known.has(each.toLowerCase()));
  const few = found.triggers < expected.triggers;
  return [...objects, ...(few ? [`TRIGGER (${found.triggers} of ${expected.triggers})`] : [])];
}
