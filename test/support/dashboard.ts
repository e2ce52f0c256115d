import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What of Grafana's format the tests look at. */
export interface Panel {
  id: number;
  type: string;
  title?: string;
  datasource?: object;
  gridPos: { x: number; y: number; w: number; h: number };
  fieldConfig?: { defaults: { unit?: string }; overrides: Override[] };
  targets?: { refId: string; expr?: string; datasource?: object }[];
  transformations?: { id: string; options: { renameByName?: Record<string, string> } }[];
  panels?: Panel[];
}

interface Override {
  matcher: { id: string; options: string };
  properties: { id: string; value: unknown }[];
}

interface Dashboard {
  id?: number;
  uid: string;
  title: string;
  schemaVersion: number;
  panels: Panel[];
  templating: { list: Variable[] };
}

interface Variable {
  name: string;
  type: string;
  query: unknown;
  datasource?: object;
  definition?: string;
}

/** The dashboard for Grafana as it is. */
export async function readDashboard(): Promise<Dashboard> {
  const path = join(import.meta.dirname, '..', '..', 'monitoring', 'grafana-dashboard.json');
  return JSON.parse(await readFile(path, 'utf8'));
}

/** Every query of the dashboard, with its variables as they are when all is chosen. */
export async function dashboardQueries(): Promise<{ panel: string; expr: string }[]> {
  return (await readDashboard()).panels.flatMap(queriesOf);
}

/** Whose values a variable of the dashboard has: of a label, in the series of a selector. */
export async function dashboardVariables(): Promise<{ label: string; selector: string }[]> {
  const { list } = (await readDashboard()).templating;
  return list.flatMap(({ definition = '' }) => {
    const [, selector, label] = /^label_values\((.+), (\w+)\)$/.exec(definition) ?? [];
    return selector === undefined || label === undefined
      ? []
      : [{ label, selector: withVariables(selector) }];
  });
}

function queriesOf({ title = '', targets = [], panels = [] }: Panel): { panel: string; expr: string }[] {
  const own = targets.map(({ expr = '' }) => ({ panel: title, expr: withVariables(expr) }));
  return [...own, ...panels.flatMap(queriesOf)];
}

function withVariables(expr: string): string {
  const filled = expr
    .replaceAll('$__rate_interval', '5m')
    .replaceAll('$__range', '10m')
    .replaceAll(/\$(job|database)\b/g, '.*');
  if (filled.includes('$')) throw new Error(`a variable of ${expr} is not known`);
  return filled;
}
