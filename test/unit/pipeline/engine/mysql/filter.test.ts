import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { filterStage, type Rewriting } from '../../../../../src/pipeline/engine/mysql/filter.ts';
import { engineContext } from '../../../../support/postgres-backup.ts';
import { runStage } from '../../../../support/stage.ts';

const plain: Rewriting = {
  source: 'so`u.*&rce',
  database: 'ta`r&g\\1et',
  withoutDefiners: false,
  withoutRunningEvents: false,
  withoutSandbox: false,
};

async function filter(lines: string[], changes: Partial<Rewriting> = {}): Promise<string[]> {
  const stage = await filterStage({ ...plain, ...changes }, engineContext());
  const { code, stdout, stderr } = await runStage(stage, [Buffer.from(`${lines.join('\n')}\n`)]);
  assert.equal(code, 0, stderr);
  return stdout.toString('utf8').split('\n').slice(0, -1);
}

describe('a dump on its way to its target', () => {
  it('names the target where it named the source, and only there', async () => {
    const lines = [
      'CREATE TABLE `t` (',
      '  `id` int NOT NULL DEFAULT nextval(`so``u.*&rce`.`s`),',
      '  `other` int NOT NULL DEFAULT nextval(`else`.`s`),',
      "  `text` text DEFAULT concat('it''s',nextval(`so``u.*&rce`.`s`)) COMMENT 'nextval(`so``u.*&rce`.`s`)'",
      "INSERT INTO `t` VALUES ('ALTER DATABASE `x` CHARACTER SET a COLLATE b ;'),",
      "('  `id` nextval(`so``u.*&rce`.`s`)');",
      'ALTER DATABASE `so``u.*&rce` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ;',
      'DELIMITER ;;',
      'ALTER DATABASE `so``u.*&rce` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ;;',
      'CREATE PROCEDURE `p`()',
      'ALTER DATABASE `so``u.*&rce` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ;',
      '  `id` nextval(`so``u.*&rce`.`s`)',
      ';;',
      'DELIMITER ;',
    ];
    const expected = [...lines];
    expected[1] = '  `id` int NOT NULL DEFAULT nextval(`ta``r&g\\1et`.`s`),';
    expected[3] =
      "  `text` text DEFAULT concat('it''s',nextval(`ta``r&g\\1et`.`s`)) COMMENT 'nextval(`so``u.*&rce`.`s`)'";
    expected[6] = 'ALTER DATABASE `ta``r&g\\1et` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ;';
    expected[8] = 'ALTER DATABASE `ta``r&g\\1et` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ;;';
    assert.deepEqual(await filter(lines), expected);
  });

  it('loses its definers where they define, and nowhere else', async () => {
    const kept = [
      "INSERT INTO `t` VALUES ('x'),",
      "('CREATE DEFINER=`a`@`b` FUNCTION f');",
      '/*!50013 DEFINER=`a`@`b` SQL SECURITY DEFINER */',
    ];
    const lines = [
      ...kept,
      '/*!50001 CREATE ALGORITHM=UNDEFINED */',
      '/*!50013 DEFINER=`a``;@`@`%` SQL SECURITY INVOKER */',
      'DELIMITER ;;',
      '/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`%`*/ /*!50003 trigger t before insert on x for each row begin end */;;',
      'DELIMITER ;',
      'DELIMITER ;;',
      'CREATE DEFINER="a"@"%" PACKAGE "p" as',
      'CREATE DEFINER=`a`@`%` FUNCTION inside()',
      ';;',
      'DELIMITER ;',
      'DELIMITER ;;',
      'CREATE DEFINER=`role` FUNCTION `f`() RETURNS int',
      ';;',
      'DELIMITER ;',
    ];
    assert.deepEqual(await filter(lines, { withoutDefiners: true }), [
      ...kept,
      '/*!50001 CREATE ALGORITHM=UNDEFINED */',
      '/*!50013 SQL SECURITY INVOKER */',
      'DELIMITER ;;',
      '/*!50003 CREATE*/ /*!50003 trigger t before insert on x for each row begin end */;;',
      'DELIMITER ;',
      'DELIMITER ;;',
      'CREATE PACKAGE "p" as',
      'CREATE DEFINER=`a`@`%` FUNCTION inside()',
      ';;',
      'DELIMITER ;',
      'DELIMITER ;;',
      'CREATE FUNCTION `f`() RETURNS int',
      ';;',
      'DELIMITER ;',
    ]);
    assert.deepEqual(await filter(lines), lines);
  });

  it('runs no events in a drill', async () => {
    const event = (state: string) => [
      'DELIMITER ;;',
      "/*!50003 SET time_zone             = '+00:00' */ ;;",
      `/*!50106 CREATE*/ /*!50117 DEFINER=\`a\`@\`%\`*/ /*!50106 EVENT \`e\` ON SCHEDULE EVERY 1 DAY ON COMPLETION ${state} COMMENT ' ENABLE ' DO begin */ ;;`,
      'DELIMITER ;',
    ];
    for (const state of ['NOT PRESERVE ENABLE', 'PRESERVE ENABLE', 'NOT PRESERVE DISABLE'])
      assert.deepEqual(
        await filter(event(state), { withoutRunningEvents: true }),
        // Preserved, so that one whose time has come since the dump is made at all.
        event('PRESERVE DISABLE'),
      );
  });

  it('names the target in the head of a trigger, however it was typed', async () => {
    const [begin, end] = [
      '/*!50003 CREATE*/ /*!50017 DEFINER=`a.b`@`1.2.3.4`*/ /*!50003 ',
      ['*/;;', 'DELIMITER ;'],
    ];
    const target = '`ta``r&g\\1et`';
    const heads = [
      ['trigger db.t before insert on db.x for each row set new.a = db.f() '],
      [
        'TRIGGER',
        '  "db" . "t" -- see db.t for each row',
        ' BEFORE INSERT /* db.t */ ON `db` ',
        ' .`x` FOR',
        'EACH ROW db.f() ',
        'on db.x',
      ],
      ['TRIGGER `a.b` before insert on x for each row begin db.f(); end '],
      [
        "trigger IF NOT EXISTS größe.t after delete on größe.x for each row follows t2 set @a = 'trigger a.b for each row' ",
      ],
    ];
    const expected = [
      [`trigger ${target}.t before insert on ${target}.x for each row set new.a = db.f() `],
      [
        'TRIGGER',
        `  ${target} . "t" -- see db.t for each row`,
        ` BEFORE INSERT /* db.t */ ON ${target} `,
        ' .`x` FOR',
        'EACH ROW db.f() ',
        'on db.x',
      ],
      ['TRIGGER `a.b` before insert on x for each row begin db.f(); end '],
      [
        `trigger IF NOT EXISTS ${target}.t after delete on ${target}.x for each row follows t2 set @a = 'trigger a.b for each row' `,
      ],
    ];
    const dump = (triggers: string[][]) =>
      triggers.flatMap(([first, ...rest]) => ['DELIMITER ;;', `${begin}${first}`, ...rest, ...end]);
    assert.deepEqual(await filter(dump(heads)), dump(expected));
    assert.deepEqual(await filter(dump(heads), { database: plain.source }), dump(heads));
  });

  it('names the target in views that name the source, unless it is the alias of a table there', async () => {
    const view = (query: string) => [
      '/*!50001 CREATE ALGORITHM=UNDEFINED */',
      '/*!50013 DEFINER=`a`@`%` SQL SECURITY DEFINER */',
      `/*!50001 VIEW \`v\` AS select ${query} */;`,
    ];
    const [source, target] = ['`so``u.*&rce`', '`ta``r&g\\1et`'];
    const cases = [
      [
        `${source}.\`t\`.\`a\` AS \`a\` from (${source}.\`t\` join \`o\`.${source} \`x\`)`,
        `${target}.\`t\`.\`a\` AS \`a\` from (${target}.\`t\` join \`o\`.${source} \`x\`)`,
      ],
      [
        `${source}.\`f\`('it''s \\' ${source}.') AS \`x\``,
        `${target}.\`f\`('it''s \\' ${source}.') AS \`x\``,
      ],
      [
        `${source}.\`a\` AS \`a\`,${source}.\`f\`(1),nextval(${source}.\`s\`) from \`o\`.\`t\` ${source}`,
        `${source}.\`a\` AS \`a\`,${target}.\`f\`(1),nextval(${target}.\`s\`) from \`o\`.\`t\` ${source}`,
      ],
    ] as const;
    for (const [query, expected] of cases) assert.deepEqual(await filter(view(query)), view(expected));
  });

  it('takes a line of a text for the end of none', async () => {
    const lines = [
      'DELIMITER ;;',
      'CREATE PROCEDURE `p`() begin /*',
      'DELIMITER ;',
      '  `id` nextval(`so``u.*&rce`.`s`)',
      'DELIMITER ;;',
      'CREATE DEFINER=`a`@`b` FUNCTION `f`',
      '*/ end ;;',
      'DELIMITER ;',
    ];
    assert.deepEqual(await filter(lines, { withoutDefiners: true }), lines);
  });

  it('loses the line that switches the sandbox on, in both its forms, for a client that does not know it', async () => {
    for (const first of [
      '/*!999999\\- enable the sandbox mode */ ',
      '/*M!999999\\- enable the sandbox mode */ ',
    ]) {
      const lines = [first, '-- MariaDB dump', first];
      assert.deepEqual(await filter(lines), lines);
      assert.deepEqual(await filter(lines, { withoutSandbox: true }), lines.slice(1));
    }
  });
});
