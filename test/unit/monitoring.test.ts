import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { metricsByOwner } from '../../script/metrics-page.ts';
import { dashboardQueries } from '../support/dashboard.ts';

const root = join(import.meta.dirname, '..', '..');

interface Rule {
  alert?: string;
  record?: string;
  expr: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

interface RuleTests {
  tests: { promql_expr_test: { expr: string; exp_samples: unknown[] }[] }[];
}

describe('monitoring/alerts.yml', () => {
  it('gives every alert a severity, a sentence, and a section of docs/operations.md', async () => {
    const page = await readFile(join(root, 'docs', 'operations.md'), 'utf8');
    const sections = [...page.matchAll(/^## (\S+)$/gm)].map(([, title = '']) => title);
    for (const { alert = '', labels, annotations } of await alerts()) {
      assert.ok(['critical', 'warning'].includes(labels?.severity ?? ''), alert);
      assert.ok(annotations?.summary && annotations.description, alert);
      assert.equal(annotations.runbook_url, `docs/operations.md#${alert.toLowerCase()}`);
      assert.ok(sections.includes(alert), `docs/operations.md has no section ${alert}`);
    }
    const known = (await alerts()).map(({ alert }) => alert);
    assert.deepEqual(
      sections.filter((title) => title.startsWith('Backup')).sort(),
      known.toSorted(),
      'sections of alerts that are there',
    );
  });

  it('is tested: every alert is seen firing, and not', async () => {
    const file = await readFile(join(root, 'monitoring', 'alerts.test.yml'), 'utf8');
    const steps = (parse(file) as RuleTests).tests.flatMap((each) => each.promql_expr_test);
    for (const { alert = '' } of await alerts()) {
      const own = steps.filter(({ expr }) => expr === `ALERTS{alertname="${alert}", alertstate="firing"}`);
      assert.ok(
        own.some(({ exp_samples }) => exp_samples.length > 0),
        `${alert} fires nowhere`,
      );
      assert.ok(
        own.some(({ exp_samples }) => exp_samples.length === 0),
        `${alert} fires everywhere`,
      );
    }
  });

  it('asks for nothing that a producer does not tell', async () => {
    const known = metricsByOwner().producer.map(({ name }) => name);
    for (const { expr } of await rules()) assert.deepEqual(unknownIn(expr, known), []);
  });
});

describe('monitoring/grafana-dashboard.json', () => {
  it('asks for nothing that producers and workers do not tell', async () => {
    const known = Object.values(metricsByOwner())
      .flat()
      .flatMap(({ name, type }) =>
        type === 'histogram' ? [`${name}_sum`, `${name}_count`, `${name}_bucket`] : [name],
      );
    const queries = await dashboardQueries();
    assert.ok(queries.length >= 15, `${queries.length} queries`);
    for (const { panel, expr } of queries) assert.deepEqual(unknownIn(expr, known), [], panel);
  });
});

async function rules(): Promise<Rule[]> {
  const file = parse(await readFile(join(root, 'monitoring', 'alerts.yml'), 'utf8')) as {
    groups: { rules: Rule[] }[];
  };
  return file.groups.flatMap((group) => group.rules);
}

async function alerts(): Promise<Rule[]> {
  return (await rules()).filter(({ alert }) => alert !== undefined);
}

function unknownIn(expr: string, known: readonly string[]): string[] {
  return [...expr.matchAll(/\bbackup_\w+/g)].map(([name]) => name).filter((name) => !known.includes(name));
}
