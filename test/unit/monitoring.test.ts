import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { metricsByOwner } from '../../script/metrics-page.ts';
import { dashboardQueries, type Panel, readDashboard } from '../support/dashboard.ts';

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

  it('can be imported anywhere: it has an address of its own, and asks for the source of data', async () => {
    const { id, uid, title, schemaVersion, panels, templating } = await readDashboard();
    assert.deepEqual({ id, uid, title }, { id: undefined, uid: 'backupdata', title: 'BackUpData' });
    assert.ok(schemaVersion >= 36, 'sources of data are objects since 36');
    const [source, ...others] = templating.list;
    assert.deepEqual([source?.name, source?.type, source?.query], ['datasource', 'datasource', 'prometheus']);
    const shown = panels.filter(({ type }) => type !== 'row');
    const asking = [...others, ...shown, ...shown.flatMap(({ targets = [] }) => targets)];
    assert.ok(asking.length > shown.length);
    for (const { datasource } of asking)
      assert.deepEqual(datasource, { type: 'prometheus', uid: '${datasource}' });
    const names = templating.list.map(({ name }) => name);
    const used = JSON.stringify(panels).matchAll(/\$\{?(?!__)(\w+)/g);
    for (const [, name = ''] of used) assert.ok(names.includes(name), name);
  });

  it('draws each panel once, beside the others, in a unit that Grafana knows', async () => {
    const { panels } = await readDashboard();
    const ids = panels.map(({ id }) => id);
    assert.deepEqual(ids, [...new Set(ids)]);
    for (const [index, panel] of panels.entries()) {
      const { title = '', type, gridPos, targets = [] } = panel;
      assert.ok(gridPos.x >= 0 && gridPos.x + gridPos.w <= 24 && gridPos.h > 0, title);
      const hidden = panels.slice(index + 1).filter((other) => overlap(gridPos, other.gridPos));
      assert.deepEqual(hidden, [], `${title} hides another panel`);
      assert.ok(['row', 'stat', 'table', 'timeseries'].includes(type), `${title}: ${type}`);
      for (const unit of unitsOf(panel)) assert.ok(units.includes(unit), `${title}: ${unit}`);
      const letters = targets.map(({ refId }) => refId);
      assert.deepEqual(letters, [...new Set(letters)], title);
    }
  });

  it('names the columns of its table after what it asks for', async () => {
    const [table] = (await readDashboard()).panels.filter(({ type }) => type === 'table');
    const renamed = Object.assign(
      {},
      ...(table?.transformations ?? []).map((each) => each.options.renameByName),
    );
    assert.deepEqual(
      Object.keys(renamed),
      table?.targets?.map(({ refId }) => `Value #${refId}`),
    );
    assert.deepEqual(
      table?.fieldConfig?.overrides.map(({ matcher }) => matcher.options),
      Object.values(renamed),
    );
  });
});

/** As Grafana calls them. */
const units: readonly unknown[] = ['short', 's', 'bytes', 'Bps', 'percentunit', 'bool_yes_no'];

function unitsOf({ type, fieldConfig }: Panel): unknown[] {
  const { defaults, overrides = [] } = fieldConfig ?? {};
  const own = overrides.flatMap(({ properties }) => properties).filter(({ id }) => id === 'unit');
  return type === 'row' ? [] : [defaults?.unit, ...own.map(({ value }) => value)];
}

function overlap(one: Panel['gridPos'], other: Panel['gridPos']): boolean {
  const beside = one.x + one.w <= other.x || other.x + other.w <= one.x;
  const below = one.y + one.h <= other.y || other.y + other.h <= one.y;
  return !beside && !below;
}

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
