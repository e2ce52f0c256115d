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
      "  `text` text DEFAULT 'nextval(`so``u.*&rce`.`s`)'",
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
      `/*!50106 CREATE*/ /*!50117 DEFINER=\`a\`@\`%\`*/ /*!50106 EVENT \`e\` ON SCHEDULE EVERY 1 DAY ON COMPLETION NOT PRESERVE ${state} COMMENT ' ENABLE ' DO begin */ ;;`,
      'DELIMITER ;',
    ];
    assert.deepEqual(await filter(event('ENABLE'), { withoutRunningEvents: true }), event('DISABLE'));
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
